"""Is it heard when nobody speaks? Pauses found and speech lost of a sound whose words are timed, in noises of its own.

    python -m tests.benchmarks.quiet SOUND_OR_VIDEO WORDS.csv [--babble SOUNDS ...]

WORDS.csv is read as `evaluate --timings` reads it; what lies between its words is a pause. Two frames at either end of
a pause are left out of doubt. "found": the share of the frames of pauses of a second and more; "lost": of the frames of
words. Noises are added so many dB below the speech: pink, white that swells by 4 dB every 17 s, other voices at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tasks.speaking.settings import PostSettings
from tasks.speaking.silence import rest_weight, silence_weight
from utils.arrays import Floats, Reals
from utils.media.wav import read_wav
from utils.rates import FPS, RATE, SAMPLES_A_FRAME
from utils.sound.speech_level import decibels, measure, voice_rms
from utils.sound.timings import read_timings

BELOW_DB = (40, 30, 20, 10)


def noises(samples: int, babble: list[Path]) -> Iterator[tuple[str, Reals]]:
    """Yield noises (S,) by name, always the same."""
    rng = np.random.default_rng(0)
    white = rng.standard_normal(samples)
    spectrum = np.fft.rfft(white) / np.sqrt(np.maximum(np.arange(samples // 2 + 1), 1))
    yield "pink", np.fft.irfft(spectrum, samples)
    yield "swelling", white * 10 ** (4 / 20 * np.sin(2 * np.pi * np.arange(samples) / RATE / 17))
    voices = [np.resize(read_wav(path), samples) for path in babble]
    if voices:
        yield "voices", sum(np.roll(v / np.sqrt(np.square(v).mean()), rng.integers(samples)) for v in voices)


def main() -> None:
    """Read the command line and print a row a noise."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("sound", type=Path)
    words.add_argument("words", type=Path)
    words.add_argument("--babble", type=Path, nargs="*", default=[])
    given = words.parse_args()
    wav = read_wav(given.sound)
    frames = -(-len(wav) // SAMPLES_A_FRAME)
    said = np.zeros(frames, bool)
    for one in read_timings(given.words):
        said[round(one.start_s * FPS) : round(one.end_s * FPS)] = True
    edges = np.flatnonzero(np.diff(np.concatenate([[1], said.astype(np.int8), [1]])))
    pauses = np.zeros(frames, bool)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        pauses[start + 2 : stop - 2] = stop - start >= FPS
    print(f"{pauses.sum() / FPS:.0f} s of long pauses, {said.sum() / FPS:.0f} s of words")
    print(f"{'':16}{'lead dB':>8}{'nobody speaks':>20}{'the mouth rests':>20}")
    print(f"{'':24}{'found, lost':>20}{'found, lost':>20}")

    def show(name: str, sound: Floats) -> None:
        level, rms = measure(sound), voice_rms(sound)
        weights = [weigh(rms, frames, PostSettings(), level) > 0.5 for weigh in (silence_weight, rest_weight)]
        row = "".join(f"{f'{weight[pauses].mean():.2f}, {weight[said].mean():.3f}':>20}" for weight in weights)
        print(f"{name:16}{level.speech_db - level.noise_db:8.1f}{row}", flush=True)

    show("as it is", wav)
    speech_db = measure(wav).speech_db
    for name, noise in noises(len(wav), given.babble):
        noise_db = np.median(decibels(voice_rms(noise.astype(np.float32))))
        for below in BELOW_DB:
            gain = 10 ** ((speech_db - below - noise_db) / 20)
            show(f"{name}, {below} dB", (wav + gain * noise).astype(np.float32))


if __name__ == "__main__":
    main()
