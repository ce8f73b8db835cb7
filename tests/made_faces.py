"""Drawn faces and a little recogniser, so that templates need no outside weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modules.onnx.format import Graph, write_onnx
from modules.onnx.network import node


def draw_face(person: int, photo: int, size: int = 112) -> np.ndarray:
    """Draw one photo of a person, (size, size, 3) uint8: colours and shape are the person's, the light the photo's."""
    rng = np.random.default_rng(person)
    skin, hair, back = rng.uniform(60, 220, (3, 3))
    wide, high = rng.uniform(0.25, 0.4, 2)
    light = np.random.default_rng([person, photo]).uniform(0.8, 1.2)
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5
    picture = np.broadcast_to(back, (size, size, 3)).copy()
    picture[(x / (wide + 0.05)) ** 2 + ((y + 0.05) / (high + 0.1)) ** 2 < 1] = hair
    picture[(x / wide) ** 2 + ((y - 0.05) / high) ** 2 < 1] = skin
    for side in (-1, 1):
        picture[((x - 0.16 * side) / 0.05) ** 2 + ((y + 0.04) / 0.03) ** 2 < 1] = 20
    picture[(x / 0.12) ** 2 + ((y - 0.25) / 0.03) ** 2 < 1] = (170, 60, 60)
    return (picture * light).clip(0, 255).astype(np.uint8)


def make_faces(folder: Path, people: int = 6, photos: int = 4) -> Path:
    """Write aligned photos as <person>/<photo>.png."""
    from PIL import Image

    for person in range(people):
        (folder / f"person{person}").mkdir(parents=True, exist_ok=True)
        for photo in range(photos):
            Image.fromarray(draw_face(person, photo)).save(folder / f"person{person}" / f"{photo}.png")
    return folder


def make_speakers(folder: Path, speakers: int = 2, takes: int = 6) -> Path:
    """Write <speaker>/<take>.wav (1.2 s of a voice of the speaker's own pitch) beside <speaker>/<take>.png."""
    from PIL import Image

    from utils.media.wav import write_wav

    time = np.arange(19_200) / 16_000
    for speaker in range(speakers):
        (folder / f"speaker{speaker}").mkdir(parents=True, exist_ok=True)
        for take in range(takes):
            noise = np.random.default_rng([speaker, take]).normal(0, 0.02, len(time))
            tone = 0.5 * np.sin(2 * np.pi * 150 * (speaker + 1) * time + take)
            write_wav(folder / f"speaker{speaker}/{take}.wav", (tone + noise).astype(np.float32))
            Image.fromarray(draw_face(speaker, take, 96)).save(folder / f"speaker{speaker}/{take}.png")
    return folder


def make_recogniser(path: Path, width: int = 16, seed: int = 0) -> Path:
    """Write a small random network that takes aligned crops and gives templates."""
    rng = np.random.default_rng(seed)

    def some(*shape: int) -> np.ndarray:
        return rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)

    constants = {"w0": some(8, 3, 7, 7), "w1": some(12, 8, 3, 3), "s": np.full((12, 1, 1), 0.25, np.float32)}
    constants |= {"fc": some(width, 12 * 14 * 14), "b": np.zeros(width, np.float32)}
    nodes = (
        node("Conv", ["faces", "w0"], "a", strides=[4, 4], pads=[3, 3, 3, 3]),
        node("Relu", ["a"], "r"),
        node("Conv", ["r", "w1"], "c", strides=[2, 2], pads=[1, 1, 1, 1]),
        node("PRelu", ["c", "s"], "d"),
        node("Flatten", ["d"], "f", axis=1),
        node("Gemm", ["f", "fc", "b"], "template", transB=1),
    )
    shapes: dict = {"faces": ("batch", 3, 112, 112), "template": ("batch", width)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(write_onnx(Graph(nodes, constants, ("faces",), ("template",), shapes)))
    return path
