"""Import what the commands import, once: a process that is forked afterwards starts in a moment."""

from __future__ import annotations

import importlib

from data_gen.run import COMMANDS
from tasks.registry import TASKS

LIBRARIES = (
    "cv2", "dlib", "espeakng_loader", "imageio_ffmpeg", "librosa", "matplotlib.figure", "onnxruntime", "PIL.Image",
    "python_speech_features", "scipy.signal", "skimage.transform", "torch.utils.tensorboard",
)  # fmt: skip
OURS = (
    "tasks.export_checkpoint", "tasks.speaking.frames", "tasks.run", "tasks.talking_head", "tasks.core.trainer",
    "data_gen.demo.clip", "data_gen.video.pipeline", "data_gen.video.report", "utils.visualization.lm_visualizer",
)  # fmt: skip

for module in (*LIBRARIES, *OURS, *(where.split(":")[0] for where, _ in (*TASKS.values(), *COMMANDS.values()))):
    importlib.import_module(module)
