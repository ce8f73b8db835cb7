"""Turn a video of a talking person into a dataset, stage by stage; each is skipped when nothing changed.

    probe -> convert -> cuts -> landmarks -> sync -> camera -> parsing -> plate -> audio -> dataset -> report

Stages lie in `data/processed/videos/<id>/<stage>/`, the dataset in `data/binary/videos/<id>/`. Its pictures are hard
links to the stages' files, so frames are on the disk once.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from data_gen.stages import Tick, Workshop
from data_gen.video.dataset import DATASET, PICTURES, VideoDataset, VideoMeta
from data_gen.video.dataset_writer import DatasetWriter
from data_gen.video.job import STAGE_FILES, STAGES, VideoJob, check_job
from data_gen.video.sync_offset import corrected_offset
from utils.errors import DataError
from utils.files.arrays import load_arrays, save_arrays
from utils.files.digests import sha256, stamp
from utils.files.tables import read_json
from utils.paths import existing_file
from utils.rates import FPS
from utils.sound.content_features import BEST_WHISPER
from utils.workers import native_noise_muted

_VALIDATION_SHARE = 0.1
_LEAST_STD = 1e-3


def process_video(job: VideoJob) -> VideoDataset:
    """Do all stages of a job and return the dataset.

    Raises:
        ConfigError, DataError, AssetError: what is wrong, where, and how to mend it; nothing half-written is left.
    """
    from data_gen.video.masks.parsing import parser_name
    from utils.assets import asset_path

    check_job(job)
    existing_file(job.video)
    _ = job.more_features  # a name that none has is told now
    if parser_name(job.parsing) == "bisenet":
        asset_path("face_parsing")  # missing weights are told now, not after minutes of other stages
    for stage in STAGES:
        Workshop.made(stage).also(STAGE_FILES).refuse_clash(job.processed / stage)
    DATASET.refuse_clash(job.binary)
    redo = job.redo if _dataset_is_whole(job) else (*job.redo, "dataset")
    workshop = Workshop(job.processed, redo)
    undone = False
    try:
        with workshop.locked():
            fresh = not any(job.processed.glob("*/stage.json"))
            try:
                return _Stages(job, workshop).all()
            except BaseException:
                if undone := fresh and "convert" not in workshop.done:
                    workshop.undo()
                raise
    finally:
        if undone:
            with suppress(OSError):  # what else lies there stays
                job.processed.rmdir()


def _dataset_is_whole(job: VideoJob) -> bool:
    """Tell whether the dataset can be read and is the one that the last run made."""
    try:
        data = VideoDataset(job.binary)
        for name in (*PICTURES, "background", "landmarks"):
            getattr(data, name)
        data.audio("mel")
        made = read_json(job.processed / "dataset" / "stage.json")["summary"]["fingerprint"]
    except (DataError, KeyError, TypeError):
        return False
    return bool(data.meta.fingerprint == made and data.wav_path.is_file())


class _Stages:
    """The stages of one job; each method does one and keeps its result in the workshop."""

    def __init__(self, job: VideoJob, workshop: Workshop) -> None:
        self.job = job
        self.workshop = workshop
        self.work = workshop.run
        self.seen = stamp(job.video)

    def all(self) -> VideoDataset:
        """Do them in order."""
        for stage in STAGES:
            getattr(self, f"_{stage}")()
        return VideoDataset(self.job.binary)

    def _array(self, stage: str, name: str) -> np.ndarray:
        path = self.workshop.done[stage].folder / f"{name}.npy"
        try:
            array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read ({error}). Run the command again with --redo {stage}.") from None
        return array

    def _arrays(self, stage: str) -> dict[str, np.ndarray]:
        return load_arrays(self.workshop.done[stage].folder / "arrays.safetensors")

    def _said(self, stage: str) -> dict[str, Any]:
        return self.workshop.done[stage].summary

    def _probe(self) -> None:
        from data_gen.video.convert import probe_video

        job = self.job

        def work(folder: Path, tick: Tick) -> dict[str, Any]:
            return probe_video(job.video, job.start_s, job.duration_s)

        self.work("probe", work, version=1, video=sha256(job.video), start_s=job.start_s, duration_s=job.duration_s)

    def _convert(self) -> None:
        from data_gen.video.convert import convert
        from utils.faces.detectors import make_detector

        job = self.job

        def work(folder: Path, tick: Tick) -> dict[str, Any]:
            with native_noise_muted(), make_detector(job.landmarks) as detector:  # type: ignore[arg-type]
                part = {"start_s": job.start_s, "duration_s": job.duration_s}
                said = convert(job.video, folder, tick, size=job.size, detector=detector, **part)  # type: ignore[arg-type]
            if stamp(job.video) != self.seen:
                raise DataError(f"{job.video} was changed while it was read. Run the command again when it is whole.")
            return said

        # The crop of a detector that was named is its own; what `auto` means may change without a new crop.
        named = {} if job.landmarks == "auto" else {"detector": job.landmarks}
        self.work("convert", work, version=2, needs=("probe",), size=job.size, **named)

    def _cuts(self) -> None:
        from data_gen.video.cuts import find_cuts, frame_changes

        def work(folder: Path, tick: Tick) -> dict[str, Any]:
            frames = self._array("convert", "frames")

            def watched() -> Any:
                for index, frame in enumerate(frames):
                    yield frame
                    tick(index + 1, len(frames))

            changes = frame_changes(watched())
            save_arrays(folder / "arrays.safetensors", {"changes": changes})
            return {"cuts": find_cuts(changes)}

        self.work("cuts", work, version=1, needs=("convert",))

    def _landmarks(self) -> None:
        from data_gen.video.landmarks import track_landmarks
        from utils.faces.detectors import make_detector

        job = self.job
        source = _detector_name(job.landmarks)

        def work(folder: Path, tick: Tick) -> dict[str, Any]:
            frames = self._array("convert", "frames")
            with native_noise_muted(), make_detector(job.landmarks) as detector:  # type: ignore[arg-type]
                track = track_landmarks(
                    frames,
                    detector,
                    video=str(job.video),
                    fps=FPS,
                    start_s=job.start_s,
                    cuts=self._said("cuts")["cuts"],
                    on_frame=lambda done: tick(done, len(frames)),
                )
            arrays: dict[str, np.ndarray] = {"points_px": track.points_px, "found": track.found.astype(np.uint8)}
            if track.blendshapes is not None:
                arrays["blendshapes"] = track.blendshapes
            save_arrays(folder / "arrays.safetensors", arrays)
            missing = np.flatnonzero(~track.found)
            return {
                "source": track.source,
                "found": float(track.found.mean()),
                "missing_frames": missing.tolist(),
                "outlier_frames": list(track.excursions),
            }

        self.work("landmarks", work, version=1, needs=("convert", "cuts"), source=source)

    def _sync(self) -> None:
        from data_gen.video.sync_offset import measure_offset
        from utils.media.wav import read_wav
        from utils.sound.features import audio_features

        def work(folder: Path, tick: Tick) -> dict[str, Any]:
            points = self._arrays("landmarks")["points_px"]
            wav = read_wav(self.workshop.done["convert"].folder / "audio.wav")
            return dataclasses.asdict(measure_offset(points, audio_features(wav, "mel", len(points))))

        self.work("sync", work, version=2, needs=("convert", "landmarks"))

    def _camera(self) -> None:
        from data_gen.video.pose.photometric import refine_pose
        from data_gen.video.pose.tracking import fit_camera

        rounds = 2

        def work(folder: Path, tick: Tick) -> dict[str, Any]:
            frames = self._array("convert", "frames")
            track = self._arrays("landmarks")
            cuts = self._said("cuts")["cuts"]
            count, height, width = frames.shape[:3]
            fit = fit_camera(track["points_px"], track["found"].astype(bool), height, width, cuts)
            fit = refine_pose(frames, fit, cuts, rounds=rounds, on_frame=lambda done: tick(done, (rounds + 1) * count))
            arrays: dict[str, np.ndarray] = {
                "landmarks": fit.landmarks,
                "world_from_camera": fit.world_from_camera,
                "neutral": fit.neutral,
                "reprojection_px": fit.reprojection_px,
            }
            save_arrays(folder / "arrays.safetensors", arrays)
            return {
                "focal_px": fit.focal_px,
                "reprojection_px": float(fit.reprojection_px.mean()),
                "pose_jitter_px": fit.pose_jitter_px,
                "patch_shift_px": fit.patch_shift_px,
                "patch_jitter_px": fit.patch_jitter_px,
            }

        self.work("camera", work, version=2, needs=("convert", "cuts", "landmarks"))

    def _parsing(self) -> None:
        from data_gen.video.masks.parsing import make_parser, parse_frames, parser_name

        source = parser_name(self.job.parsing)

        def work(folder: Path, tick: Tick) -> dict[str, Any]:
            points = self._arrays("landmarks")["points_px"]
            parser = make_parser(self.job.parsing)  # type: ignore[arg-type]
            cuts = self._said("cuts")["cuts"]
            return parse_frames(self._array("convert", "frames"), points, parser, folder, tick, cuts)

        self.work("parsing", work, version=3, needs=("convert", "cuts", "landmarks"), source=source)

    def _plate(self) -> None:
        from data_gen.video.masks.plate import paint_plates

        def work(folder: Path, tick: Tick) -> dict[str, Any]:
            head, neck, torso = (self._array("parsing", f"{name}_mask") for name in ("head", "neck", "torso"))
            return paint_plates(self._array("convert", "frames"), head, neck, torso, folder, tick)

        self.work("plate", work, version=2, needs=("convert", "parsing"))

    def _audio(self) -> None:
        from data_gen.video.sync_offset import shift_sound
        from utils.assets import find_asset
        from utils.media.wav import fit_length, read_wav, write_wav
        from utils.rates import RATE
        from utils.sound.features import audio_features

        names = ["mel", "mfcc", "pitch_hz", "rms"]
        names += [name for name, asset in _CONTENT_FEATURES.items() if find_asset(asset) is not None]
        names += [name for name in self.job.more_features if name not in names]

        def work(folder: Path, tick: Tick) -> dict[str, Any]:
            count = self._said("convert")["frames"]
            late = corrected_offset(self._said("sync"))
            wav = read_wav(self.workshop.done["convert"].folder / "audio.wav")
            wav = fit_length(shift_sound(wav, late, RATE), count * RATE // FPS)
            write_wav(folder / "audio.wav", wav)
            arrays = {}
            for index, name in enumerate(names):
                arrays[name] = audio_features(wav, name, count)
                tick(index + 1, len(names))
            save_arrays(folder / "arrays.safetensors", arrays)
            return {
                "late_frames": late,
                "features": {name: array.shape[1] for name, array in arrays.items() if array.ndim == 2},
                "voiced": float((arrays["pitch_hz"] > 0).mean()),
                "peak": float(np.abs(wav).max()),
                "clipped": float((np.abs(wav) > 0.999).mean()),
            }

        self.work("audio", work, version=1, needs=("convert", "sync"), features=names)

    def _dataset(self) -> None:
        job = self.job

        def work(folder: Path, tick: Tick) -> dict[str, Any]:
            dataset = self._write_dataset()
            return {"path": str(job.binary), "fingerprint": dataset.meta.fingerprint}

        needs = ("convert", "cuts", "landmarks", "sync", "camera", "parsing", "plate", "audio")
        self.work("dataset", work, version=1, needs=needs, licence=job.licence, consent=job.consent)

    def _write_dataset(self) -> VideoDataset:
        job, size = self.job, self._said("convert")
        count = size["frames"]
        track, camera = self._arrays("landmarks"), self._arrays("camera")
        points, landmarks = track["points_px"], camera["landmarks"]
        motion = {
            "landmarks": landmarks,
            "landmarks_px": points,
            "world_from_camera": camera["world_from_camera"],
            "neutral": camera["neutral"],
            "landmarks_mean": landmarks.mean(axis=0),
            "landmarks_std": np.maximum(landmarks.std(axis=0), _LEAST_STD),
            "face_box_px": np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1),
            "face_found": track["found"],
        }
        if "blendshapes" in track:
            motion["blendshapes"] = track["blendshapes"]
        meta = VideoMeta(
            id=job.id,
            fps=FPS,
            frames=count,
            height=size["height"],
            width=size["width"],
            focal_px=self._said("camera")["focal_px"],
            cuts=self._said("cuts")["cuts"],
            val_start=count - max(1, round(_VALIDATION_SHARE * count)),
            audio_features=self._said("audio")["features"],
            landmark_source=self._said("landmarks")["source"],
            parsing_source=self._said("parsing")["source"],
            av_offset_frames=self._said("audio")["late_frames"],
            licence=job.licence,
            consent=job.consent,
        )
        sound = self.workshop.done["audio"].folder
        with DatasetWriter(job.binary, frames=count, height=size["height"], width=size["width"]) as out:
            for name in (*PICTURES, "background"):
                _link(self._picture(name), out.part / f"{name}.npy")
            return out.finish(motion, load_arrays(sound / "arrays.safetensors"), meta, sound / "audio.wav")

    def _picture(self, name: str) -> Path:
        stage = {"frames": "convert", "head_mask": "parsing", "torso_mask": "parsing"}.get(name, "plate")
        return self.workshop.done[stage].folder / f"{name}.npy"

    def _report(self) -> None:
        from data_gen.video.report import print_report, write_report

        def work(folder: Path, tick: Tick) -> dict[str, Any]:
            return write_report(VideoDataset(self.job.binary), dict(self.workshop.done), folder)

        needs = tuple(stage for stage in STAGES if stage != "report")
        done = self.work("report", work, version=2, needs=needs)
        print_report(done.summary, self.job.id, done.folder, self.workshop.console)


_CONTENT_FEATURES = {
    "whisper": "whisper_base_encoder",
    BEST_WHISPER: "whisper_base_encoder",
    "hubert": "hubert_large",
}


def _detector_name(name: str) -> str:
    """Return which detector `auto` means on this machine, so that new weights make the stage new."""
    from utils.faces.detectors import mediapipe_is_here

    return name if name != "auto" else f"auto with{'' if mediapipe_is_here() else 'out'} face_landmarker"


def _link(source: Path, target: Path) -> None:
    """Put a file at a second place without a second copy where the file system can do that."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
