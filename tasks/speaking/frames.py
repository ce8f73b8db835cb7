"""From a sound to landmarks, to frames, to a file: the pieces that --infer and TalkingHead use.

Everything is a stream. The sound lies on the disk and is read in windows of half a minute; frames go to the encoder as
they are rendered. What grows with the length of the speech is one (T, 68, 3) array, about 1.2 MB a minute.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_gen.origins import marks_of
from data_gen.video.dataset import VideoDataset, open_video
from tasks.speaking.backdrop import read_background
from tasks.speaking.head_pose import HeadMotion
from tasks.speaking.mend import post_process
from tasks.speaking.origin import refuse_other_sound
from tasks.speaking.resting_face import Person
from tasks.speaking.settings import InferSettings
from tasks.speaking.silence import silence_weight
from tasks.speaking.sound import Sound
from utils.arrays import Floats
from utils.config.schema import Config
from utils.errors import ConfigError, DataError
from utils.media.marks.marks import Marks
from utils.media.sound_source import track_of
from utils.media.video import VideoWriter
from utils.progress import Progress
from utils.rates import FPS
from utils.visualization.lm_visualizer import read_landmarks

if TYPE_CHECKING:
    from tasks.core.task import Task


log = logging.getLogger(__name__)


def render_landmarks(
    task: Any,
    video: VideoDataset,
    landmarks: Floats,
    rms: NDArray[np.floating[Any]] | None,
    settings: InferSettings,
    seed: int,
) -> Iterator[NDArray[np.uint8]]:
    """Mend predicted landmarks (T, 68, 3) and yield the rendered frames (H, W, 3) one by one."""
    background = read_background(settings.infer_bg_img_fname)
    motion = HeadMotion(video, settings)
    motion.hear(None if rms is None else silence_weight(rms, len(landmarks), settings))
    moment = motion.frames(0, len(landmarks))
    person = Person.of(video, settings.infer_sil_ref_frame_idx)
    mended = post_process(landmarks, person, moment.eye_ids, rms, settings, seed)
    if moment.own_poses:
        mended = video.carried(mended, moment.frame_ids)
    yield from task.render(
        mended,
        moment.world_from_camera,
        moment.frame_ids,
        own_poses=moment.own_poses,
        scale=settings.infer_scale_factor,
        background=background,
        portrait=settings.portrait,
    )


def write_frames(
    frames: Iterable[NDArray[np.uint8]],
    out: str | Path,
    sound: str | Path | None,
    total: int,
    title: str = "rendering",
    *,
    track: int | None = None,
    fps: float = FPS,
    marks: Marks | None = None,
) -> Path:
    """Stream frames (H, W, 3) into an mp4 with its sound, marked, showing progress; it appears when it is whole.

    Raises:
        DataError: There is no frame, or the file could not be written.
    """
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        raise DataError(f"{out}: there is nothing to render (0 frames).")
    height, width = first.shape[:2]
    writer = VideoWriter(out, height, width, fps, audio=sound or None, audio_track=track, marks=marks)
    with writer as video, Progress(title, total) as bar:
        video.write(first)
        bar.step()
        for frame in stream:
            video.write(frame)
            bar.step()
    if not Path(out).is_file():
        raise DataError(f"{out} was not written.")
    return Path(out)


def seed_everything(seed: int) -> None:
    """Make what torch draws from now on a function of `seed`."""
    import torch

    torch.manual_seed(seed)


def video_of(task: Any) -> VideoDataset:
    """Open the processed video that a person's renderer was trained on, its poses as the renderer has found them."""
    video = open_video(task.cfg.video_id, task.cfg.binary_data_dir)
    task.put_right(video)
    return video


def need(settings: Config, *names: str) -> None:
    """Refuse to go on when one of the named settings is empty.

    Raises:
        ConfigError: With every missing one and how to give it.
    """
    missing = [name for name in names if not getattr(settings, name)]
    if missing:
        assignments = ",".join(f"{name}=..." for name in missing)
        raise ConfigError(f"--infer needs {' and '.join(missing)}; give --hparams={assignments}")


def infer_video(task: Task) -> Path:
    """Do what `--infer` of the renderers asks: write `infer_out_video_name` from `infer_cond_name` and the sound."""
    settings = settings_of(task)
    need(settings, "infer_cond_name", "infer_out_video_name")
    landmarks = read_landmarks(settings.infer_cond_name)
    rms = None
    audio = settings.infer_audio_source_name
    track = track_of(settings.infer_audio_track)
    if audio:
        refuse_other_sound(settings.infer_cond_name, audio)
        with Sound(audio, track) as sound:
            rms = sound.rms()
    seed_everything(task.cfg.seed)
    frames = render_landmarks(task, video_of(task), landmarks, rms, settings, task.cfg.seed)
    target = Path(settings.infer_out_video_name).with_suffix(".mp4")
    out = write_frames(frames, target, audio, len(landmarks), track=track, marks=marks_of(task, "film"))
    print(out)
    return out


def settings_of(task: Task) -> InferSettings:
    """Take the `infer_*` settings out of a task's own."""
    values = task.cfg.model_dump()
    return InferSettings(**{name: values[name] for name in InferSettings.model_fields if name in values})
