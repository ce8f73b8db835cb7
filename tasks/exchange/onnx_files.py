"""Write a task's network as an ONNX file, and make sure that it computes what torch computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from modules.onnx.export import example
from modules.onnx.format import write_onnx
from modules.speech_to_face.face_space import SpaceEncoder
from tasks.core.task import Task
from utils.errors import ConfigError, DataError
from utils.files.aside import write_aside

NETWORKS = {
    "template_decoder": "model", "face_encoder": "model.backbone", "face_decoder": "model", "ve_conv": "model",
    "wav2pix": "generator",
}  # fmt: skip
"""Task -> where its network lies; the network says itself what it computes, layer by layer."""
TOLERANCE = 1e-3
"""Of the largest value of an output."""


def write_onnx_file(task: Task, path: Path) -> str:
    """Write the network of a task, in eval mode, and return what was written.

    Raises:
        ConfigError: The task's network cannot be written so.
        DataError: onnxruntime computes something else than torch.
    """
    import onnxruntime

    name = task.cfg.task_cls
    if name not in NETWORKS:
        raise ConfigError(
            f"{name} does not go into ONNX here: it is more than layers in a row. "
            f"Tasks that do: {', '.join(NETWORKS)}. As safetensors every task does: --format safetensors."
        )
    network = task.get_submodule(NETWORKS[name]).cpu().eval()
    if isinstance(network, SpaceEncoder):
        raise ConfigError(
            "A face_encoder that is a face space does not go into ONNX: it warps by landmarks. As safetensors it does: "
            "--format safetensors."
        )
    graph = network.onnx_graph()  # type: ignore[operator]
    data, inputs = write_onnx(graph, name=name), example(graph)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    outputs = session.run(None, {key: value.numpy() for key, value in inputs.items()})
    with torch.no_grad():
        answer = network(*inputs.values())
    wanted = [answer] if len(graph.outputs) == 1 else [getattr(answer, key) for key in graph.outputs]
    worst = 0.0
    for key, ours, theirs in zip(graph.outputs, wanted, outputs, strict=True):
        off = float(np.abs(ours.numpy() - theirs).max()) / max(1e-6, float(ours.abs().max()))
        if not off <= TOLERANCE:
            raise DataError(f"ONNX gives another {key} than torch (off by {off:.2g} of it); nothing was written.")
        worst = max(worst, off)
    with write_aside(path) as aside:
        aside.write_bytes(data)
    shapes = ", ".join(f"{key} {graph.shapes[key]}" for key in (*graph.inputs, *graph.outputs))
    return f"{path}: {shapes}; differs from torch by at most {worst:.1g} of the largest value"
