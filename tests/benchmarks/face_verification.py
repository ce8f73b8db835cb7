"""How well face encoders and recognisers tell unseen persons apart, side by side.

    python -m tests.benchmarks.face_verification [--data data/binary/faces] [names ...]

A name is a run of face_encoder, or a recogniser: arcface_mbf, dlib, or an ONNX file. All see the validation persons'
pictures of one dataset (`data_gen/run.py face_voice`), a recogniser cut out at the stored landmarks as it was trained.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from data_gen.face_voice.dataset import FaceVoiceDataset
from tasks.speech_to_face.face_encoder import load_face_encoder
from tasks.speech_to_face.features import encode
from tasks.speech_to_face.figures import bootstrap_auc, verification
from utils.faces.crops import aligned_crop, five_points
from utils.faces.recogniser import ASSET_NAMES, open_recogniser


def features(name: str, data: FaceVoiceDataset, entries: Sequence[int]) -> Tensor:
    """Return what a run or a recogniser says of all pictures of these entries, (N, F)."""
    if name in (*ASSET_NAMES, "dlib") or Path(name).suffix == ".onnx":
        recogniser = open_recogniser(name)
        crops = [
            aligned_crop(picture, five_points(points))
            for entry in entries
            for picture, points in zip(data.faces(entry), data.landmarks_px(entry), strict=True)
        ]
        parts = [np.stack(crops[i : i + 32]) for i in range(0, len(crops), 32)]
        return torch.from_numpy(np.concatenate([recogniser.templates(part) for part in parts]))
    encoder = load_face_encoder(name)
    return torch.cat([encode(encoder, data.faces(entry), data.landmarks_px(entry)) for entry in entries])


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["arcface_mbf"], help="runs and recognisers")
    parser.add_argument("--data", default="data/binary/faces", help="persons with faces")
    given = parser.parse_args(argv)
    data = FaceVoiceDataset(given.data)
    entries = data.entries("val")
    person = torch.cat([torch.full((len(data.persons[e].faces),), data.numbers[e]) for e in entries])
    print(f"{len(entries)} persons, {len(person)} pictures")
    print("| encoder | AUC | 95 % interval | balanced accuracy |\n|---|---|---|---|")
    for name in given.names:
        found = features(name, data, entries)
        auc, told = bootstrap_auc(found, person), verification(found, person)
        interval = f"{auc['low']:.3f} to {auc['high']:.3f}"
        print(f"| {name} | {auc['mean']:.3f} | {interval} | {float(told['balanced_accuracy']):.3f} |", flush=True)


if __name__ == "__main__":
    main()
