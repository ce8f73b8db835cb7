"""Write a person's dataset aside, and put it in its place when it is whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import types
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.stages import Tick
from data_gen.video.dataset import DATASET, PICTURES, VideoDataset, VideoMeta
from data_gen.video.framing.source import Source
from data_gen.video.job import LEAST_SPLIT_S, VideoJob, first_held_out
from data_gen.video.outliers import refuse_not_finite
from data_gen.video.stage import Bench
from utils.arrays import Bytes, Ints
from utils.errors import DataError
from utils.files.arrays import load_arrays, save_arrays
from utils.files.aside import make_folder, write_aside
from utils.files.digests import sha256
from utils.media.picture_file import SUFFIX, PictureWriter, picture_file
from utils.rates import FPS

DATASET_VERSION = 2
_LEAST_STD = 1e-3


class DatasetWriter:
    """Write a dataset aside and rename it when it is whole, so that a half-written one is never read.

    Example:
        with DatasetWriter(path) as out:
            out.add(frames=picture, head_mask=mask, torso_mask=torso, torso_frames=bare)
            out.finish(motion, audio, meta, wav_path, background=plate)
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._stack = ExitStack()
        self._made: dict[str, PictureWriter] = {}
        self._done = False

    def add(self, **pictures: Bytes) -> None:
        """Write the next frame's picture (H, W, 3) or mask (H, W) of each name; not of those linked into the folder."""
        for name, picture in pictures.items():
            if name not in self._made:
                writer = PictureWriter(self.part / f"{name}{SUFFIX}", picture.shape)
                self._made[name] = self._stack.enter_context(writer)
            self._made[name].add(picture)

    def __enter__(self) -> DatasetWriter:
        self.part = self._stack.enter_context(write_aside(self.path, DATASET))
        make_folder(self.part)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        if kind is None and not self._done:
            error = RuntimeError(f"{self.path}: the dataset was never finished")
        self._stack.__exit__(type(error) if error else None, error, trace)
        if kind is None and error is not None:
            raise error

    def finish(
        self,
        motion: Mapping[str, NDArray[np.generic]],
        audio: Mapping[str, NDArray[np.generic]],
        meta: VideoMeta,
        wav_path: Path,
        *,
        background: Bytes | None = None,
        split: Mapping[str, float] | None = None,
    ) -> VideoDataset:
        """Check the lengths, write the small files, and put the folder in its place.

        Args:
            background: (H, W, 3); None where it was linked into the folder.
            split: How it was asked to be split, if it was: other frames to learn from are another dataset.

        Raises:
            DataError: An array's length is not that of the frames (T), or of the audio (2T).
        """
        for name in ("landmarks", "landmarks_px", "world_from_camera", "face_box_px", "face_found"):
            if len(motion[name]) != meta.frames:
                raise DataError(f"{name} has {len(motion[name])} rows for {meta.frames} frames")
        for name, values in audio.items():
            if len(values) != 2 * meta.frames:
                raise DataError(
                    f"audio feature {name} has {len(values)} rows for {meta.frames} frames (wants 2 a frame)"
                )
        refuse_not_finite(motion, str(self.path))
        refuse_not_finite(audio, str(self.path), rows_a_frame=2)
        for writer in self._made.values():
            writer.close()
        if background is not None:
            np.save(self.part / "background.npy", background, allow_pickle=False)
        written = {file.stem for file in self.part.iterdir()}
        if missing := {*PICTURES, "background"} - written:
            raise RuntimeError(f"{self.path}: {', '.join(sorted(missing))} was not written")
        save_arrays(self.part / "motion.safetensors", dict(motion))
        save_arrays(self.part / "audio.safetensors", dict(audio))
        shutil.copyfile(wav_path, self.part / "audio.wav")
        meta = meta.model_copy(update={"fingerprint": fingerprint(self.part, split or {})})
        (self.part / "meta.json").write_text(json.dumps(meta.model_dump(mode="json"), indent=1) + "\n")
        self._done = True
        self._stack.close()
        return VideoDataset(self.path)


def fingerprint(path: Path, split: Mapping[str, float]) -> str:
    """Digest a dataset's folder: sha256 over the names and digests of its files but `meta.json`, and the split."""
    total = hashlib.sha256("".join(f"{name} {split[name]:g}\n" for name in sorted(split)).encode())
    for file in sorted(Path(path).iterdir()):
        if file.name != "meta.json":
            total.update(f"{file.name} {sha256(file)}\n".encode())
    return total.hexdigest()


def dataset_settings(job: VideoJob) -> dict[str, Any]:
    """Return the notes that are kept in the dataset, and how it is split where that was asked for."""
    return {"licence": job.licence, "consent": job.consent, **_asked_split(job)}


def _asked_split(job: VideoJob) -> dict[str, float]:
    split = {"val_seconds": job.val_seconds, "train_seconds": job.train_seconds}
    return {name: seconds for name, seconds in split.items() if seconds is not None}


def dataset_stage(bench: Bench, folder: Path, tick: Tick) -> dict[str, Any]:
    """Join what the stages made into the dataset; nothing is written into the stage's own folder."""
    sound = bench.done["audio"].folder
    with DatasetWriter(bench.job.binary) as out:
        for name in (*PICTURES, "background"):
            picture = _picture(bench, name)
            _link(picture, out.part / picture.name)
        audio = load_arrays(sound / "arrays.safetensors")
        dataset = out.finish(_motion(bench), audio, _meta(bench), sound / "audio.wav", split=_asked_split(bench.job))
    return {"path": str(bench.job.binary), "fingerprint": dataset.meta.fingerprint}


def _motion(bench: Bench) -> dict[str, np.ndarray]:
    track, camera = bench.arrays("landmarks"), bench.arrays("camera")
    points, landmarks = track["points_px"], camera["landmarks"]
    used = landmarks[bench.kept()]
    motion = {
        "landmarks": landmarks,
        "landmarks_px": points,
        "world_from_camera": camera["world_from_camera"],
        "neutral": camera["neutral"],
        "landmarks_mean": used.mean(axis=0),
        "landmarks_std": np.maximum(used.std(axis=0), _LEAST_STD),
        "face_box_px": np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1),
        "face_found": track["found"],
    }
    if "blendshapes" in track:
        motion["blendshapes"] = track["blendshapes"]
    return motion


def _meta(bench: Bench) -> VideoMeta:
    job, size = bench.job, bench.summary("convert")
    count = size["frames"]
    val_start, train_stop = _split(job, np.flatnonzero(bench.kept()))
    return VideoMeta(
        id=job.id,
        fps=FPS,
        frames=count,
        height=size["height"],
        width=size["width"],
        focal_px=bench.summary("camera")["focal_px"],
        cuts=[cut for cut in bench.cuts() if 0 < cut < count],
        left_out=bench.left_out(),
        val_start=val_start,
        train_stop=train_stop,
        audio_features=bench.summary("audio")["features"],
        ears=bench.summary("audio").get("ears", {}),
        landmark_source=bench.summary("landmarks")["source"],
        parsing_source=bench.summary("parsing")["source"],
        av_offset_frames=bench.summary("audio")["late_frames"],
        sound_level=bench.summary("audio")["sound_level"],
        licence=job.licence,
        consent=job.consent,
        source=Source(sha256=bench.summary("probe")["sha256"], crop_px=size["crop_px"], start_s=job.start_s),
    )


def _split(job: VideoJob, used: Ints) -> tuple[int, int | None]:
    """Return the first of the frames in use (n,) that is held out; and the end of those learnt from, if it was asked.

    Raises:
        DataError: The video is too short for what was asked.
    """
    count = len(used)
    wanted = count - first_held_out(count, job.val_seconds)
    learnt = round((job.train_seconds or LEAST_SPLIT_S) * FPS)
    if count < wanted + learnt:
        raise DataError(
            f"{job.video} gives {count / FPS:.1f} s: too short to hold out {wanted / FPS:.1f} s (--val_seconds) and "
            f"to learn from {learnt / FPS:.1f} s (--train_seconds). Ask for less, or give a longer video."
        )
    return int(used[count - wanted]), None if job.train_seconds is None else int(used[learnt - 1]) + 1


def _picture(bench: Bench, name: str) -> Path:
    stage = {"frames": "convert", "head_mask": "parsing", "torso_mask": "parsing"}.get(name, "plate")
    return picture_file(bench.done[stage].folder, name)


def _link(source: Path, target: Path) -> None:
    """Put a file at a second place without a second copy where the file system can do that."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
