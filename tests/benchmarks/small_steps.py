"""A training step of every task, small enough for a test: the network of a recipe made narrow, and one batch."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tasks.core.loading import load_task
from tasks.core.task import Task
from tasks.person.runs import NEEDS, STAGES
from tests.benchmarks.step_rows import build, faces_batch, voices_batch
from tests.made_heads import make_house

FACES = {"feature_dim": 16, "size": 32, "width": 0.05}
VOICE_WEIGHTS = {"direction": 1.0, "distil": 0.1, "decoder": 1.0, "contrastive": 0.1}
Made = tuple[Task, Any]


@functools.cache
def _house() -> tuple[Any, Path]:
    """Make a person's six runs once a process; the first part keeps the folder until the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="vizeme-small-")
    return folder, make_house(Path(folder.name))


def of_person(name: str, precision: str) -> Made:
    """Take a task of the made person, with what it stands on, and draw a batch of the made video."""
    settings: dict[str, Any] = {"precision": precision, "max_updates": 1_000_000}
    if "nerf" in name:
        settings |= {"n_rays": 64, "n_frames": 2}
    else:
        settings |= {"sync_clips": 16, "window_frames": 20}
    with contextlib.chdir(_house()[1]):
        task: Any = load_task(f"made/{name}", settings=settings | {
            f"{'audio2motion' if need == 'lm3d_vae_sync' else need}_work_dir": f"checkpoints/made/{need}"
            for need in NEEDS.get(name, ()) if need != "lm3d_nerf"
        })  # fmt: skip
        task.prepare()
        if name == "lm3d_vae_sync":
            task.sync_on = True
        return task.train(), task.train_source().batch(np.random.default_rng(0))


def _encoder(precision: str) -> Task:
    return build("datasets/face_voice/face_encoder", precision, classes=4, **FACES)


def face_encoder(precision: str) -> Made:
    """Tell four persons apart."""
    return _encoder(precision), faces_batch(4, 32, 16)


def face_decoder(precision: str) -> Made:
    """Draw four faces, with all three losses."""
    task = build("datasets/face_voice/face_decoder", precision, **FACES)
    task.freeze("face_encoder", _encoder(precision))
    return task, faces_batch(4, 32, 16)


def _voice(name: str, precision: str, *sound: int, **settings: Any) -> Made:
    """Hear four voices, with all losses."""
    settings |= {"feature_dim": 16, "weights": VOICE_WEIGHTS}
    task = build(f"datasets/face_voice/{name}", precision, **settings)
    task.freeze("face_encoder", _encoder(precision))
    task.freeze("face_decoder", build("datasets/face_voice/face_decoder", precision, **FACES))
    return task, voices_batch(4, 16, *sound)


def ve_conv(precision: str) -> Made:
    """Hear four spectrograms of 2.8 s."""
    return _voice("ve_conv", precision, 2, 257, 281, width=0.05, audio_seconds=2.8)


def ve_ast(precision: str) -> Made:
    """Hear four banks of 64 rows."""
    small = {"rows": 64, "audio_seconds": 0.64, "hidden": 16, "layers": 2, "heads": 2, "pretrained": "none"}
    return _voice("ve_ast", precision, 64, 128, **small)


def ve_ridge(precision: str) -> Made:
    """Hear what was measured of four voices."""
    from data_gen.face_voice.measure import MEASURES

    return _voice("ve_ridge", precision, MEASURES, hidden=8)


def template_decoder(precision: str) -> Made:
    """Draw two faces from templates, judged by a recogniser of random weights."""
    from modules.faces.iresnet import IResNet
    from tasks.template_to_face.data import TemplateBatch
    from tasks.template_to_face.perceptors import Perceptor

    weights = {"pixel": 1.0, "perceptual": 1.0, "identity": 1.0, "mixed": 1.0}
    task: Any = build(
        "datasets/faces/template_decoder_light", precision, recogniser_after=0, augment=False, from_afar=False,
        accumulate_grad_batches=1, weights=weights,
    )  # fmt: skip
    judge = IResNet(50).fold().requires_grad_(False)
    task.keep_outside("_judge", judge)
    task.keep_outside("_perceptor", Perceptor(judge, {}))
    crops = torch.randint(0, 256, (2, task.size, task.size, 3), dtype=torch.uint8)
    return task, TemplateBatch(torch.randn(2, 512), crops)


def wav2pix(precision: str) -> Made:
    """Draw two faces of two speakers."""
    from tasks.wav2pix.data import PairBatch

    task: Any = build("datasets/speakers/wav2pix_small", precision, image_size=64, batch_size=2, epochs=0, dropout=0.0)
    task.speakers = ["anna", "ben"]
    task._build()
    faces = [torch.rand(2, 3, 64, 64) * 2 - 1 for _ in range(2)]
    return task, PairBatch(*faces, torch.randn(2, 16_000), torch.arange(2))


SMALL: dict[str, Callable[[str], Made]] = {
    **{name: functools.partial(of_person, name) for name in STAGES},
    "face_encoder": face_encoder,
    "face_decoder": face_decoder,
    "ve_conv": ve_conv,
    "ve_ast": ve_ast,
    "ve_ridge": ve_ridge,
    "template_decoder": template_decoder,
    "wav2pix": wav2pix,
}
"""Every task that is trained -> what makes it, small, and a batch, given the precision."""
