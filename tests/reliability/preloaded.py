"""Import what the commands import, once: a process that is forked afterwards starts in a moment."""

from __future__ import annotations

import importlib

from data_gen.run import DOOR
from tasks.registry import TASKS
from utils.command import Command

LIBRARIES = (
    "cv2", "dlib", "espeakng_loader", "imageio_ffmpeg", "matplotlib.figure", "onnxruntime", "PIL.Image",
    "python_speech_features", "scipy.signal", "skimage.transform", "torch.utils.tensorboard",
)  # fmt: skip
OURS = (
    "tasks.exchange.commands", "tasks.speaking.frames", "tasks.run", "tasks.person.commands.infer",
    "tasks.person.commands.train", "tasks.person.commands.evaluate", "tasks.person.check", "tasks.core.commands",
    "data_gen.demo.clip", "data_gen.video.pipeline", "data_gen.video.report", "utils.visualization.lm_visualizer",
)  # fmt: skip

PLACES = [place for place, _ in TASKS.values()] + [row.run for row in DOOR.rows if isinstance(row, Command)]
for module in (*LIBRARIES, *OURS, *(place.split(":")[0] for place in PLACES)):
    importlib.import_module(module)
