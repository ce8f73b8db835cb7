"""From speech of any length to landmarks: windows that overlap by more than the network can see."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data_gen.speech_features import audio_features
from modules.motion.lm3d_vae import STRIDE, SpeechToLandmarks
from tasks.speaking.origin import note_sound
from utils.errors import ConfigError, DataError
from utils.files.aside import write_aside
from utils.media.sound_source import track_of
from utils.media.wav import read_wav
from utils.rates import SAMPLES_A_FRAME
from utils.sound.speech_level import levelled, measure
from utils.windows import overlapping_windows

Ends = Literal["drawn_out", "zeros"]
WINDOW = 500
"""Frames imagined at a time (20 s)."""
EDGE = 24
"""Frames by which the first and last feature row are drawn out: else a sound that is cut off ends in a twitch."""


def prior_noise(batch: int, latent: int, frames: int, temperature: float, seed: int, first: int = 0) -> Tensor:
    """Draw prior noise (B, latent, T4), T4 = ceil(frames / 4), on the CPU: the same for a seed on every machine.

    `first`, a multiple of 4, is the number of the first frame: a stretch of a speech has the noise of the whole.
    """
    steps = -(-frames // STRIDE)
    if temperature == 0:
        return torch.zeros(batch, latent, steps)
    generator = torch.Generator().manual_seed(seed)
    # one row a step, so that a longer sound begins with the same noise
    skipped = first // STRIDE
    noise = torch.randn(batch, skipped + steps, latent, generator=generator)[:, skipped:]
    return temperature * noise.transpose(1, 2)


def in_windows(frames: int, margin: int, make: Callable[[int, int], Tensor], *, window: int = WINDOW) -> Tensor:
    """Call `make(start, stop)` for overlapping stretches and join what lies between the margins: (frames, ...).

    A stretch is `window` frames and a margin on either side. `start` is always a multiple of 4, as `window` and
    `margin` are.
    """
    length = window + 2 * margin
    return torch.cat(
        [
            make(start, min(frames, start + length))[first - start : stop - start]
            for start, first, stop in overlapping_windows(frames, length, margin)
        ]
    )


@contextlib.contextmanager
def in_eval_mode(network: nn.Module) -> Iterator[None]:
    """Put a network into eval mode, and back into the mode it was in."""
    was_training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(was_training)


def rows_of(rows: Tensor | None, start: int, stop: int, device: torch.device) -> Tensor | None:
    """Cut the 50 Hz rows (1, 2n, ...) of video frames [start, stop) out of (2T, ...), on `device`; None stays None."""
    return None if rows is None else rows[2 * start : 2 * stop].to(device)[None]


@torch.no_grad()
def imagine(
    model: SpeechToLandmarks,
    audio: Tensor,
    pitch_hz: Tensor | None,
    *,
    seed: int,
    temperature: float,
    first: int = 0,
    ends: Ends = "drawn_out",
) -> Tensor:
    """Imagine landmarks (T, 68, 3) for features (2T, C) and pitch (2T,); memory does not grow with T but for these.

    `first`, a multiple of 4, says which frame of a longer speech theirs is; `ends` is what is heard before and after.

    Raises:
        DataError: The sound is shorter than a frame.
    """
    device = next(model.parameters()).device
    frames = len(audio) // 2
    if frames == 0:
        raise DataError("The sound is shorter than one video frame (0.04 s).")
    direct = temperature == 0 and model.direct is not None
    # training's windows end anywhere, so a direct path knows sounds that are cut off
    edge = 0 if direct or ends == "zeros" else EDGE
    whole = frames
    if ends == "zeros":
        whole += -frames % STRIDE  # what fills up the last step is heard as silence and not masked
        audio = F.pad(audio[: 2 * frames], (0, 0, 0, 2 * (whole - frames)))
        pitch_hz = None if pitch_hz is None else F.pad(pitch_hz[: 2 * frames], (0, 2 * (whole - frames)))
    noise = prior_noise(1, model.latent, whole + 2 * edge, temperature, seed, first)
    if edge:
        audio, pitch_hz = _drawn_out(audio), None if pitch_hz is None else _drawn_out(pitch_hz)

    def make(start: int, stop: int) -> Tensor:
        heard, sung = rows_of(audio, start, stop, device), rows_of(pitch_hz, start, stop, device)
        assert heard is not None
        mask = torch.ones(1, stop - start, dtype=torch.bool, device=device)
        if temperature == 0:
            return model.likely(heard, mask, sung)[0]
        window_noise = noise[:, :, start // STRIDE : -(-stop // STRIDE)].to(device)
        return model.sample(heard, mask, window_noise, sung)[0]

    margin = -(-model.reach // STRIDE) * STRIDE  # the network sees no further, so the seams are exact
    with in_eval_mode(model):
        return in_windows(whole + 2 * edge, margin, make)[edge : edge + frames]


def _drawn_out(rows: Tensor) -> Tensor:
    """Repeat the first and the last of some 50 Hz rows for EDGE frames."""
    times = [2 * EDGE, *[1] * (rows.dim() - 1)]
    whole = rows[: len(rows) // 2 * 2]
    return torch.cat([whole[:1].repeat(times), whole, whole[-1:].repeat(times)])


def read_speech(
    source: str, feature: str, frames: int | None = None, *, sound_level: str = "", track: int | None = None
) -> tuple[Tensor, Tensor]:
    """Read a sound and return its features (2T, C) and pitch (2T,) in Hz, T its length in video frames.

    `sound_level` says how the network is used to hear it, `track` which track is heard, from 1 on.

    Raises:
        ConfigError: No sound was named.
    """
    if not source:
        raise ConfigError("Say what to speak: --infer_audio_source_name=<sound>")
    wav = read_wav(Path(source), track=track_of(track))
    wav = levelled(wav, measure(wav), sound_level)
    frames = frames or -(-len(wav) // SAMPLES_A_FRAME)  # the last one begun included, as in a video of the sound
    audio = audio_features(wav, feature, frames=frames)
    pitch = audio_features(wav, "pitch_hz", frames=frames).reshape(-1)
    return torch.from_numpy(np.asarray(audio, np.float32)), torch.from_numpy(np.asarray(pitch, np.float32))


def write_landmarks(path: str, landmarks: Tensor, work_dir: Path | None, sound: Path) -> Path:
    """Write landmarks (T, 68, 3) of a sound as (1, T, 204) float32, aside and renamed, and return where."""
    run = "_".join(work_dir.parts[-2:]) if work_dir else "landmarks"
    target = Path(path or f"infer_out/{run}.npy")
    if target.suffix != ".npy":
        target = target.with_name(target.name + ".npy")
    target.parent.mkdir(parents=True, exist_ok=True)
    with write_aside(target) as aside:
        np.save(aside, landmarks.flatten(1)[None].cpu().numpy().astype(np.float32))
    note_sound(target, sound)
    return target
