"""How much of a made person's face can be heard at all? Retrieval by ridge regression, beside which ve_conv is read.

    python -m tests.benchmarks.voice_bound [--data data/binary/face_voice_demo] [--face_encoder demo/face_encoder]

Looks and voice of made persons are drawn together, so it is known what a voice tells: build, nose, eyes and hair; skin,
red in the hair and colour of the eyes cannot be heard. A ridge regression (squares included, its ridge chosen by
leaving one person out) learns the mean face feature of the training persons from what one row knows, and looks for the
others' owners as `ve_conv --validate` does. A ridge is no true bound, but what it finds is there. The last column reads
what is known from the faces instead and compares there, where what cannot be heard is not in the way.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from data_gen.demo.identity import make_identity
from data_gen.face_voice.dataset import FaceVoiceDataset
from data_gen.speech_features import audio_features
from tasks.speech_to_face.face_encoder import load_face_encoder
from tasks.speech_to_face.features import features_of
from tasks.speech_to_face.figures import RANKS, retrieve
from tasks.verdicts.intervals import bootstrap

Floats = NDArray[np.float64]
RIDGES = tuple(10.0**p for p in range(-3, 5))


def looks(seed: int) -> list[float]:
    """Return all that a made face is made of."""
    return list(vars(make_identity(seed).looks).values())


def settings(seed: int) -> list[float]:
    """Return all that a made voice is made of."""
    voice = make_identity(seed).voice
    timbres = [float(voice.variant == name) for name in ("f2", "f3", "f5", "m1", "m3", "m7")]
    return [float(voice.pitch), float(voice.pitch_range), float(voice.rate), voice.formant_scale, *timbres]


def heard(wav: NDArray[np.float32]) -> list[float]:
    """Return what is easily measured of a sound: pitch and how far it moves, and mean and spread of its mel bands."""
    pitch, mel = audio_features(wav, "pitch_hz"), audio_features(wav, "mel")
    speaks = pitch > 0
    voiced, mel = np.log(pitch[speaks]), mel[speaks]
    tone = [*np.quantile(voiced, [0.1, 0.5, 0.9]), voiced.std(), speaks.mean()]
    return [float(value) for value in (*tone, *mel.mean(0), *mel.std(0))]


def ridge(x: Floats, y: Floats, asked: Floats) -> Floats:
    """Learn y (N, F) from x (N, D) and answer for `asked` (M, D); the ridge with the least leave-one-out error."""
    middle, spread = x.mean(0), x.std(0) + 1e-9
    x, asked = ((rows - middle) / spread for rows in (x, asked))
    if x.shape[1] < 20:
        x, asked = (np.concatenate([rows, _products(rows)], 1) for rows in (x, asked))
    mean = y.mean(0)
    found = []
    for strength in RIDGES:
        gram = np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T)
        left_out = (y - mean - x @ (gram @ (y - mean))) / (1 - np.einsum("ij,ji->i", x, gram) - 1 / len(x))[:, None]
        found.append((float(np.square(left_out).sum()), gram))
    return mean + asked @ (min(found, key=lambda pair: pair[0])[1] @ (y - mean))


def nearest(x: Floats, y: Floats, asked: Floats, faces: Floats, parts: int = 8) -> NDArray[np.int64]:
    """Read what is known from the faces instead, and find for each of `asked` (M, D) the nearest of `faces` (G, F).

    Compared along the first principal components of x (N, D), each difference in units of how well it is read from y.
    """
    middle, spread = x.mean(0), x.std(0) + 1e-9
    _, _, axes = np.linalg.svd((x - middle) / spread, full_matrices=False)
    flat = [((rows - middle) / spread) @ axes[:parts].T for rows in (x, asked)]
    half = np.arange(len(x)) % 2 == 0
    error = np.concatenate([flat[0][~one] - ridge(y[one], flat[0][one], y[~one]) for one in (half, ~half)])
    unit = np.linalg.cholesky(np.linalg.inv(error.T @ error / len(error) + 1e-6 * np.eye(error.shape[1])))
    told = ridge(y, flat[0], faces) @ unit
    return np.argmin(np.square((flat[1] @ unit)[:, None] - told[None]).sum(-1), 1)


def _products(rows: Floats) -> Floats:
    upper = np.triu_indices(rows.shape[1])
    return (rows[:, :, None] * rows[:, None, :])[:, upper[0], upper[1]]


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="data/binary/face_voice_demo", help="made by face_voice --made, seed 0")
    parser.add_argument("--face_encoder", default="checkpoints/demo/face_encoder", help="whose features are looked for")
    given = parser.parse_args(argv)
    data = FaceVoiceDataset(Path(given.data))
    features = features_of(data, load_face_encoder(given.face_encoder))
    train, val = data.entries("train", voices=True), data.entries("val", voices=True)
    seeds = {entry: 1 + int(data.persons[entry].id.removeprefix("made")) for entry in (*train, *val)}
    mean = {entry: features.face(entry, None).double().numpy() for entry in (*train, *val)}
    gallery = torch.from_numpy(np.stack([mean[entry] for entry in val])).float()
    known = {
        "all looks": {entry: [looks(seed)] for entry, seed in seeds.items()},
        "settings of the voice": {entry: [settings(seed)] for entry, seed in seeds.items()},
        "measured of the sound": {
            entry: [heard(data.wav(entry, clip)) for clip in range(len(data.persons[entry].clips))] for entry in seeds
        },
    }
    print("| known | R@1 | 95 % interval | R@5 | feature cosine | R@1 by what is known |")
    print("|---|---|---|---|---|---|")
    for name, rows in known.items():
        x = np.stack([np.mean(rows[entry], axis=0) for entry in train])
        y = np.stack([mean[entry] for entry in train])
        asked = np.concatenate([rows[entry] for entry in val])
        whose = np.repeat(val, [len(rows[entry]) for entry in val])
        told = torch.from_numpy(ridge(x, y, asked)).float()
        rank = retrieve(told, torch.from_numpy(whose), gallery, torch.tensor(val)).rank.numpy()
        share = bootstrap((rank < RANKS[0]).astype(float), whose)
        own = torch.from_numpy(np.stack([mean[entry] for entry in whose])).float()
        cosine = float(F.cosine_similarity(told, own, dim=1).mean())
        interval = f"{share['low']:.3f} to {share['high']:.3f}"
        seen = np.stack([mean[entry] for entry in val])
        back = nearest(x, y, asked, seen)
        other = np.mean([val[i] == who for i, who in zip(back, whose, strict=True)])
        print(f"| {name} | {share['mean']:.3f} | {interval} | {(rank < 5).mean():.3f} | {cosine:.3f} | {other:.3f} |")
    print(f"chance: {1 / len(val):.3f}")


if __name__ == "__main__":
    main()
