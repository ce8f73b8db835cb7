"""Make small data for tests: nothing is downloaded, nothing comes from a camera."""

from __future__ import annotations

import math
import tempfile
import wave
from pathlib import Path

import numpy as np

from data_gen.video.dataset import VideoDataset, VideoMeta
from data_gen.video.dataset_writer import DatasetWriter
from utils.sound.speech_level import SOUND_LEVEL

AUDIO = {"mel": 80, "mfcc": 39}


def made_opening(frames: int, seed: int) -> np.ndarray:
    """Return a made mouth opening per frame in 0..1, smooth, with pauses."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / 25.0
    wave_ = sum(np.sin(2 * np.pi * f * t + p) for f, p in zip((1.1, 2.3, 3.7), rng.uniform(0, 6, 3), strict=True))
    return np.clip(wave_ / 3 + 0.3, 0, 1).astype(np.float32)


def made_audio(opening: np.ndarray, width: int, seed: int) -> np.ndarray:
    """Return audio features (2T, width) from which the opening can be told."""
    rng = np.random.default_rng(seed + 1)
    direction = np.random.default_rng(7).normal(size=(2, width))
    doubled = np.interp(np.arange(2 * len(opening)) / 2.0, np.arange(len(opening)), opening)
    drive = np.stack([doubled, np.gradient(doubled) * 5], axis=1)
    return (drive @ direction + 0.05 * rng.normal(size=(2 * len(opening), width))).astype(np.float32)


def make_video_dataset(path: Path, frames: int = 60, size: int = 64, seed: int = 0) -> VideoDataset:
    """Write a drawn face whose mouth follows its audio features, in the format of a processed video.

    The face is an ellipse over a grey torso on a blue wall; the head sways by a few degrees. One cut in the middle.
    """
    from utils.camera import project
    from utils.faces.landmarks import MEAN_FACE

    path = Path(path)
    opening = made_opening(frames, seed)
    landmarks = np.zeros((frames, 68, 3), np.float32)
    lower = [55, 56, 57, 58, 59, 65, 66, 67]
    landmarks[:, lower, 1] -= 3.0 * opening[:, None]
    landmarks[:, 6:11, 1] -= 2.0 * opening[:, None]
    landmarks += 0.02 * np.random.default_rng(seed).normal(size=landmarks.shape).astype(np.float32)
    focal, distance = 1.4 * size, 7.0
    pose = np.tile(np.eye(4, dtype=np.float32), (frames, 1, 1))
    for i in range(frames):
        yaw = 0.08 * math.sin(i / 9)
        rotation = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
        pose[i, :3, :3] = rotation
        pose[i, :3, 3] = rotation @ np.array([0.0, -0.3, distance])
    points = MEAN_FACE[None] + landmarks / 10
    pixels = np.stack([project(points[i], pose[i], focal, size / 2, size / 2) for i in range(frames)]).astype(
        np.float32
    )

    yy, xx = np.mgrid[0:size, 0:size] + 0.5
    with DatasetWriter(path) as out:
        background = np.full((size, size, 3), (60, 90, 160), np.uint8)
        for i in range(frames):
            torso = (yy > 0.78 * size) & (np.abs(xx - size / 2) < 0.42 * size)
            neck = (yy > 0.62 * size) & (np.abs(xx - size / 2) < 0.13 * size)
            plate = background.copy()
            plate[neck] = (200, 160, 140)
            plate[torso] = (110, 110, 110)
            jaw = pixels[i, :17]
            centre = np.array([jaw[:, 0].mean(), pixels[i, 27:36, 1].mean()])
            radius = np.array([np.ptp(jaw[:, 0]) / 2, np.ptp(pixels[i, :, 1]) * 0.62])
            head = ((xx - centre[0]) / radius[0]) ** 2 + ((yy - centre[1]) / radius[1]) ** 2 < 1
            mouth = pixels[i, 60:68]
            middle, half = mouth.mean(0), np.maximum(np.ptp(mouth, axis=0) / 2, (2, 0.3))
            dark = ((xx - middle[0]) / half[0]) ** 2 + ((yy - middle[1]) / half[1]) ** 2 < 1
            picture = plate.copy()
            picture[head] = (215, 170, 150)
            for eye in (slice(36, 42), slice(42, 48)):
                at = pixels[i, eye].mean(0)
                picture[(xx - at[0]) ** 2 + (yy - at[1]) ** 2 < (0.03 * size) ** 2] = (30, 30, 40)
            picture[head & dark] = (60, 10, 10)
            masks = (255 * shown.astype(np.uint8) for shown in (head, (torso | neck) & ~head))
            out.add(frames=picture, torso_frames=plate, **dict(zip(("head_mask", "torso_mask"), masks, strict=True)))
        audio = {name: made_audio(opening, width, seed) for name, width in AUDIO.items()}
        rows = np.repeat(opening, 2)
        audio["pitch_hz"] = np.where(rows > 0.1, 120.0, 0.0).astype(np.float32)
        audio["rms"] = (0.1 * rows).astype(np.float32)
        box = np.concatenate([pixels.min(1), pixels.max(1)], axis=1).astype(np.float32)
        motion = {
            "landmarks": landmarks, "landmarks_px": pixels, "world_from_camera": pose,
            "neutral": MEAN_FACE.astype(np.float32), "landmarks_mean": landmarks.mean(0),
            "landmarks_std": landmarks.std(0) + 1e-3, "face_box_px": box, "face_found": np.ones(frames, np.uint8),
        }  # fmt: skip
        meta = VideoMeta(
            id=path.name, frames=frames, height=size, width=size, focal_px=focal, cuts=[frames // 2],
            val_start=frames - max(frames // 5, 12), audio_features=AUDIO, landmark_source="made",
            parsing_source="made", licence="made for tests", consent="no person", sound_level=SOUND_LEVEL,
        )  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            wav = Path(folder) / "audio.wav"
            tone = np.repeat(opening, 640) * np.sin(2 * np.pi * 120 * np.arange(frames * 640) / 16000)
            write_tone(wav, 0.3 * tone)
            return out.finish(motion, audio, meta, wav, background=background)


def write_tone(path: Path, samples: np.ndarray, rate: int = 16000) -> Path:
    """Write float samples in -1..1 as a 16-bit mono wav with the standard library alone."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path
