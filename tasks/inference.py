"""From a sound to landmarks, to frames, to a file: the pieces that --infer and TalkingHead use.

Everything is a stream. The sound lies on the disk and is read in windows of half a minute; frames go to the encoder as
they are rendered. What grows with the length of the speech is one (T, 68, 3) array, about 1.2 MB a minute.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from data_gen.video.dataset import VideoDataset, open_video
from tasks.backdrop import read_background
from tasks.head_pose import HeadMotion, PoseSettings
from tasks.landmark_post import Floats, Person, PostSettings, post_process
from utils.config import Config, Positive, Weight
from utils.errors import ConfigError, DataError
from utils.progress import Progress

if TYPE_CHECKING:
    from tasks.task import Task

log = logging.getLogger(__name__)
RATE, HOP, FPS = 16_000, 640, 25
"""Samples a second, samples a video frame, video frames a second."""
WINDOW, MARGIN, FADE = 748, 124, 10
"""Frames that audio-to-landmarks hears at once (30 s), those of them before and after what is kept, the cross-fade.

Multiples of 4, the stride of the VAE; margins longer than it hears, so that seams hardly show."""


class InferSettings(PostSettings, PoseSettings):
    """What --infer reads and writes, and how; GeneFace's names."""

    infer_audio_source_name: str = ""
    """The sound to speak: any file that ffmpeg reads."""
    infer_cond_name: str = ""
    """Landmarks to render: the .npy that infer_postnet.sh wrote, [1, T, 204] or [T, 68, 3]."""
    infer_out_npy_name: str = ""
    """Where the landmarks go (.npy)."""
    infer_out_video_name: str = ""
    """Where the video goes (.mp4)."""
    infer_bg_img_fname: str = ""
    """What is seen behind the person: the footage's background when empty; a picture, or a colour: white, black, green,
    grey, '#rrggbb'."""
    infer_scale_factor: Positive = 1.0
    """Size of the rendered picture relative to the footage."""
    infer_temperature: Weight | None = None
    """How freely audio-to-landmarks varies: 0 gives the likeliest motion, 1 a different one for every seed; as the
    postnet's recipe says when not given."""
    infer_compile: bool = False
    """Compile the renderer first (20-40 s): pays with many samples a ray and `upsample: 1`; needs a C++ compiler."""


class Sound:
    """Hold any sound as 16 kHz mono on the disk and read pieces of it; memory does not grow with its length.

    Use it in a `with` block; the copy is deleted at the end, nothing is written beside the user's file.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.samples = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._file: Path | None = None

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="vizeme-")
        try:
            self._convert(Path(self._folder.name) / "sound.f32")
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def _convert(self, target: Path) -> None:
        from utils.audio import no_sound
        from utils.ffmpeg import Stream, existing_file, input_arguments

        file = existing_file(self.path)
        # As in utils.audio.read_wav, so that what is heard is what was trained on (16-bit output mixes otherwise).
        arguments = [*input_arguments(file), "-map", "0:a:0", "-vn", "-sn", "-dn", "-ac", "1"]
        arguments += ["-af", f"aresample={RATE}:async=1:first_pts=0", "-f", "f32le", "pipe:1"]
        block = bytearray(1 << 20)
        with Stream(arguments) as stream, target.open("wb") as out:
            while filled := stream.read_into(memoryview(block)):
                out.write(memoryview(block)[:filled])
            if stream.finish() != 0:
                raise no_sound(self.path, stream)
        self.samples = target.stat().st_size // 4
        if not self.samples:
            raise DataError(f"{self.path} holds no sound (0 samples).")
        self._file = target

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file = None
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def frames(self) -> int:
        """Count the video frames that the sound lasts, the last one begun included."""
        return -(-self.samples // HOP)

    def read(self, start: int, stop: int) -> Floats:
        """Return the samples of video frames [start, stop), float32; silence beyond the end."""
        assert self._file is not None, "read inside the with block"
        # Not mapped: what was read of a mapped file counts as memory until the end.
        whole = np.fromfile(self._file, np.float32, count=(stop - start) * HOP, offset=4 * start * HOP)
        piece = np.nan_to_num(whole).clip(-1, 1)
        return np.pad(piece, (0, (stop - start) * HOP - len(piece)))

    def rms(self) -> Floats:
        """Return the loudness of the whole sound, (2T,), 50 rows a second."""
        from utils.audio import audio_features

        spans = [(start, min(start + 2000, self.frames)) for start in range(0, self.frames, 2000)]
        parts = [audio_features(self.read(a, b), "rms", b - a) for a, b in spans]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def spans(frames: int, window: int = WINDOW, margin: int = MARGIN) -> Iterator[tuple[int, int, int]]:
    """Yield (start, stop, first): windows that overlap by two margins, and the first frame that is new in each.

    The frames of a window before `first` overlap with what the window before it gave. The last window reaches back
    rather than being short. Starts are multiples of 4.
    """
    step = window - 2 * margin
    first = 0
    while first < frames:
        start = max(0, first - margin)
        stop = start + window
        if stop >= frames:
            start = max(0, frames - window)
            yield -(-start // 4) * 4, frames, first
            return
        yield start, stop, first
        first = start + margin + step


def sound_to_landmarks(task: Any, sound: Sound, *, temperature: float | None = None, seed: int = 0) -> Floats:
    """Let a `postnet` task turn a sound into landmarks (T, 68, 3), block by block."""
    out = np.zeros((sound.frames, 68, 3), np.float32)
    begin = 0
    for block in landmark_blocks(task, sound, temperature=temperature, seed=seed):
        out[begin : begin + len(block)] = block
        begin += len(block)
    return out


def landmark_blocks(task: Any, sound: Sound, *, temperature: float | None = None, seed: int = 0) -> Iterator[Floats]:
    """Yield the landmarks of a sound in blocks (n, 68, 3) that follow one another.

    Windows are half a minute and overlap by ten seconds: each gives its middle, and the seams are cross-faded over
    0.4 s, so that a long speech has the same landmarks as its pieces.
    """
    windows = list(spans(sound.frames))
    tail = np.zeros((0, 68, 3), np.float32)
    for number, (start, stop, first) in enumerate(windows):
        wav = sound.read(start, stop)
        values = predict_window(task, wav, stop - start, temperature=temperature, seed=seed, first=start)
        fade = len(tail)
        share = ((np.arange(fade, dtype=np.float32) + 1) / (fade + 1))[:, None, None]
        seam = (1 - share) * tail + share * values[first - fade - start : first - start]
        last = number == len(windows) - 1
        until = stop if last else windows[number + 1][2]
        block = np.concatenate([seam, values[first - start : until - start]])
        keep = len(block) if last else len(block) - FADE
        tail = block[keep:]
        yield block[:keep]


def predict_window(
    task: Any, wav: Floats, frames: int, *, temperature: float | None, seed: int, first: int = 0
) -> Floats:
    """Make the features a `postnet` task wants of one piece of sound and predict its landmarks (frames, 68, 3).

    `first`, a multiple of 4, says which frame of the whole sound its first one is.
    """
    import torch

    from utils.audio import audio_features

    audio = torch.from_numpy(audio_features(wav, task.cfg.audio_feature, frames))
    listens = task.cfg.pitch or task.load_speech().cfg.pitch
    pitch = torch.from_numpy(audio_features(wav, "pitch_hz", frames)) if listens else None
    values = task.predict(audio, pitch, seed=seed, temperature=temperature, first=first)
    return np.asarray(values.cpu(), np.float32).reshape(frames, 68, 3)


def render_landmarks(
    task: Any,
    video: VideoDataset,
    landmarks: Floats,
    rms: NDArray[np.floating[Any]],
    settings: InferSettings,
    seed: int,
) -> Iterator[NDArray[np.uint8]]:
    """Mend predicted landmarks (T, 68, 3) and yield the rendered frames (H, W, 3) one by one."""
    background = read_background(settings.infer_bg_img_fname)
    moment = HeadMotion(video, settings).frames(0, len(landmarks))
    person = Person.of(video, settings.infer_sil_ref_frame_idx)
    mended = post_process(landmarks, person, moment.eye_ids, rms, settings, seed)
    yield from task.render(
        mended,
        moment.world_from_camera,
        moment.frame_ids,
        own_poses=moment.own_poses,
        scale=settings.infer_scale_factor,
        compile=settings.infer_compile,
        background=background,
    )


def write_frames(
    frames: Iterable[NDArray[np.uint8]], out: str | Path, sound: str | Path | None, total: int, title: str = "rendering"
) -> Path:
    """Stream frames into an mp4 with its sound, showing progress and time left; it appears when it is whole."""
    from utils.video import VideoWriter

    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        raise DataError(f"{out}: there is nothing to render (0 frames).")
    with VideoWriter(out, first.shape[0], first.shape[1], audio=sound or None) as video, Progress(title, total) as bar:
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
    """Open the processed video that a person's task was trained on."""
    return open_video(task.cfg.video_id, task.cfg.binary_data_dir)


def need(settings: Config, *names: str) -> None:
    """Refuse to go on when one of the named settings is empty.

    Raises:
        ConfigError: With every missing one and how to give it.
    """
    missing = [name for name in names if not getattr(settings, name)]
    if missing:
        told = ",".join(f"{name}=..." for name in missing)
        raise ConfigError(f"--infer needs {' and '.join(missing)}; give --hparams={told}")


def infer_video(task: Task) -> Path:
    """Do what `--infer` of the renderers asks: write `infer_out_video_name` from `infer_cond_name` and the sound."""
    from utils.visualization.lm_visualizer import read_landmarks

    settings = settings_of(task)
    need(settings, "infer_cond_name", "infer_out_video_name")
    landmarks = read_landmarks(settings.infer_cond_name)
    rms = np.full(2 * len(landmarks), 0.1, np.float32)
    audio = settings.infer_audio_source_name
    if audio:
        with Sound(audio) as sound:
            rms = sound.rms()
    seed_everything(task.cfg.seed)
    frames = render_landmarks(task, video_of(task), landmarks, rms, settings, task.cfg.seed)
    out = write_frames(frames, Path(settings.infer_out_video_name).with_suffix(".mp4"), audio, len(landmarks))
    print(out)
    return out


def settings_of(task: Task) -> InferSettings:
    """Take the `infer_*` settings out of a task's own."""
    values = task.cfg.model_dump()
    return InferSettings(**{name: values[name] for name in InferSettings.model_fields if name in values})
