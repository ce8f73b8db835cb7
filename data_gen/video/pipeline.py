"""Turn a video of a talking person into a dataset, stage by stage; each is skipped when nothing changed.

    probe -> convert -> cuts -> landmarks -> sync -> camera -> parsing -> plate -> audio -> dataset -> report

Stages lie in `data/processed/videos/<id>/<stage>/`, the dataset in `data/binary/videos/<id>/`. Its pictures are hard
links to the stages' files, so frames are on the disk once.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from contextlib import suppress

from data_gen.stages import Workshop
from data_gen.video.convert import (
    CONVERT_VERSION,
    PROBE_VERSION,
    convert_settings,
    convert_stage,
    probe_settings,
    probe_stage,
)
from data_gen.video.cuts import CUTS_VERSION, cuts_stage
from data_gen.video.dataset import DATASET, PICTURES, VideoDataset
from data_gen.video.dataset_writer import DATASET_VERSION, dataset_settings, dataset_stage
from data_gen.video.job import STAGE_FILES, STAGE_NAMES, VideoJob, check_job, lossless_settings
from data_gen.video.landmarks import LANDMARKS_VERSION, landmarks_settings, landmarks_stage
from data_gen.video.masks.parsing import PARSING_VERSION, parser_name, parsing_settings, parsing_stage
from data_gen.video.masks.plate import PLATE_VERSION, plate_stage
from data_gen.video.pose.camera import CAMERA_VERSION, camera_stage
from data_gen.video.report import REPORT_VERSION, print_report, report_stage
from data_gen.video.sound import AUDIO_VERSION, audio_settings, audio_stage
from data_gen.video.stage import Bench, Stage
from data_gen.video.sync_offset import SYNC_VERSION, sync_stage
from utils.assets import asset_path
from utils.errors import DataError
from utils.files.digests import stamp
from utils.files.tables import read_json
from utils.paths import existing_file

_IN_THE_DATASET = ("convert", "cuts", "landmarks", "sync", "camera", "parsing", "plate", "audio")
STAGES = (
    Stage("probe", PROBE_VERSION, probe_stage, settings=probe_settings),
    Stage("convert", CONVERT_VERSION, convert_stage, ("probe",), convert_settings),
    Stage("cuts", CUTS_VERSION, cuts_stage, ("convert",)),
    Stage("landmarks", LANDMARKS_VERSION, landmarks_stage, ("convert", "cuts"), landmarks_settings),
    Stage("sync", SYNC_VERSION, sync_stage, ("convert", "landmarks")),
    Stage("camera", CAMERA_VERSION, camera_stage, ("convert", "cuts", "landmarks")),
    Stage("parsing", PARSING_VERSION, parsing_stage, ("convert", "cuts", "landmarks"), parsing_settings),
    Stage("plate", PLATE_VERSION, plate_stage, ("convert", "parsing"), lossless_settings),
    Stage("audio", AUDIO_VERSION, audio_stage, ("convert", "sync"), audio_settings),
    Stage("dataset", DATASET_VERSION, dataset_stage, _IN_THE_DATASET, dataset_settings),
    Stage("report", REPORT_VERSION, report_stage, STAGE_NAMES[:-1]),
)
"""What is done to a video, in order. Another name, version, need or setting makes a stage, and all on it, again."""


def process_video(job: VideoJob) -> VideoDataset:
    """Do all stages of a job and return the dataset.

    Raises:
        ConfigError, DataError, AssetError: what is wrong, where, and how to mend it; nothing half-written is left.
    """
    check_job(job)
    existing_file(job.video)
    _ = job.more_features  # a name that none has is told now
    if parser_name(job.parsing) == "bisenet":
        asset_path("face_parsing")  # missing weights are told now, not after minutes of other stages
    for stage in STAGE_NAMES:
        Workshop.made(stage).also(STAGE_FILES).refuse_clash(job.processed / stage)
    DATASET.refuse_clash(job.binary)
    workshop = Workshop(job.processed, redone(job))
    undone = False
    try:
        with workshop.locked():
            fresh = not any(job.processed.glob("*/stage.json"))
            try:
                do_stages(job, workshop)
                report = workshop.done["report"]
                print_report(report.summary, job.id, report.folder, workshop.console)
                return VideoDataset(job.binary)
            except BaseException:
                if undone := fresh and "convert" not in workshop.done:
                    workshop.undo()
                raise
    finally:
        if undone:
            with suppress(OSError):  # what else lies there stays
                job.processed.rmdir()


def redone(job: VideoJob) -> tuple[str, ...]:
    """Return the stages to do again although nothing changed: those asked for, and a dataset that is not whole."""
    return job.redo if _dataset_is_whole(job) else (*job.redo, "dataset")


def _dataset_is_whole(job: VideoJob) -> bool:
    """Tell whether the dataset can be read and is the one that the last run made."""
    try:
        data = VideoDataset(job.binary)
        for name in (*PICTURES, "background", "landmarks"):
            getattr(data, name)
        data.audio("mel")
        written = read_json(job.processed / "dataset" / "stage.json")["summary"]["fingerprint"]
    except (DataError, KeyError, TypeError):
        return False
    return bool(data.meta.fingerprint == written and data.wav_path.is_file())


def do_stages(job: VideoJob, workshop: Workshop, stages: Iterable[Stage] = STAGES) -> None:
    """Do stages in order, each skipped when it was done before with the same inputs."""
    bench = Bench(job, workshop.done, stamp(job.video))
    for stage in stages:
        workshop.run(
            stage.name,
            functools.partial(stage.work, bench),
            version=stage.version,
            needs=stage.needs,
            **stage.settings(job),
        )
