"""The trained networks of one person behind one object.

    head = TalkingHead.load("May")
    head.speak_to("speech.wav", "speech.mp4")
    for frame in head.speak("speech.wav"):   # (H, W, 3) uint8 RGB, 25 a second
        ...
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from data_gen.clips.corpus import MotionCorpus
from data_gen.origins import marks_of
from data_gen.video.dataset import VideoDataset
from tasks.person.beginning import SPEECH, moving_run
from tasks.person.mp4_stream import watched
from tasks.person.runs import PORTRAIT, PORTRAIT_FIRST, POSTNETS, find_run, renderers
from tasks.speaking.frames import render_landmarks, seed_everything, video_of, write_frames
from tasks.speaking.settings import InferSettings
from tasks.speaking.sound import Sound
from tasks.speaking.windows import sound_to_landmarks
from utils.config.schema import parse
from utils.errors import ConfigError, DataError
from utils.media.marks.marks import Marks
from utils.media.marks.settings import Kind
from utils.media.sound_source import track_of

if TYPE_CHECKING:
    from tasks.person.live import LiveHead

log = logging.getLogger("vizeme")


class TalkingHead:
    """Speak any sound with one person's face.

    Use `load`. Frames are (H, W, 3) uint8 RGB at 25 a second; the same sound, settings and seed give the same frames.

    Attributes:
        postnet: Sound features -> landmarks, for this person.
        renderer: Landmarks and head poses -> frames.
        video: The person's processed video: head poses, torso, how the face rests.
        settings: How; see `tasks.speaking.settings.InferSettings`.
    """

    def __init__(self, postnet: Any, renderer: Any, video: Any, settings: Any, *, seed: int = 9999) -> None:
        self.postnet, self.renderer, self.video = postnet, renderer, video
        self.settings, self.seed = settings, seed

    @classmethod
    def load(
        cls,
        person: str,
        *,
        renderer: str = "auto",
        device: str = "auto",
        steps: int | str = "best",
        seed: int = 9999,
        settings: Mapping[str, Any] | None = None,
    ) -> Self:
        """Load what was trained for a person.

        Args:
            person: The video's id; its runs lie in `checkpoints/<person>/`.
            renderer: `lm3d_nerf_torso` draws head and torso; `lm3d_nerf` draws the head over the footage's own torso,
                which is sharper; `lm3d_nerf_portrait` lays its lower face into true frames. auto is what suits
                `infer_compose` among those that are trained.
            device: auto (a GPU when there is one), cpu, cuda, ...
            steps: Which checkpoints: best, last, or a number of updates.
            seed: Decides what is drawn at random.
            settings: `infer_*` settings, and those of the renderer such as `n_samples_per_ray`.

        Raises:
            DataError: Something is not trained or not processed; the message has the command that does it.
            ConfigError: A setting does not exist.
        """
        from tasks.core.loading import load_task  # torch and Lightning: only when something is loaded, not for --help

        chosen = dict(settings or {})
        own = {name: chosen.pop(name) for name in list(chosen) if name in InferSettings.model_fields}
        how = parse(InferSettings, own, Path(f"settings for {person}"))
        order = renderers(how.infer_compose, how.portrait)
        run = find_run(person, order if renderer == "auto" else (renderer,))
        if renderer == "auto" and PORTRAIT not in order and run.name == "lm3d_nerf" != order[0]:
            log.warning(
                "No torso is trained for %s: its head is shown over the footage's own shoulders. Train it: %s",
                person,
                f"bash scripts/train_talking_head.sh {person}",
            )
        if run.name == "lm3d_nerf_torso" and renderer == "auto" and how.infer_compose == "head":
            log.warning("No lm3d_nerf is trained for %s: its torso is drawn, too (infer_compose=full).", person)
        moves = moving_run(person)
        postnet: Any = load_task(moves, steps, device, kind=(*POSTNETS, SPEECH))  # type: ignore[arg-type]
        draw: Any = load_task(run, steps, device, settings=chosen)  # type: ignore[arg-type]
        if draw.cfg.task_cls not in PORTRAIT_FIRST:
            raise ConfigError(
                f"{run} is imported and renders in the footage of its own project: "
                f"bash scripts/infer_postnet.sh {person} SOUND, then bash scripts/infer_lm3d_nerf.sh {person} SOUND"
            )
        unknown = sorted(set(chosen) - set(type(draw).schema.model_fields))
        defaults = {k: v for k, v in draw.cfg.model_dump().items() if k in InferSettings.model_fields}
        wrong = dict.fromkeys(unknown)
        merged = parse(InferSettings, {**defaults, **own, **wrong}, Path(f"settings for {person}"))
        video = video_of(draw)
        if postnet.cfg.task_cls == SPEECH:
            train = f"Train it: bash scripts/train_talking_head.sh {person}"
            log.warning("No motion is trained for %s: the face moves as many talkers' do. %s", person, train)
            heard = postnet.cfg.audio_feature in video.meta.audio_features
            footage = MotionCorpus([video.path], postnet.cfg.audio_feature) if heard else None
            postnet.wear(video.landmarks_mean, footage)
        return cls(postnet, draw, video, _without_frames(merged, video), seed=seed)

    def landmarks(self, sound: Any) -> NDArray[np.float32]:
        """Turn an open `tasks.speaking.sound.Sound` into landmarks (T, 68, 3) as the person would move, not mended."""
        seed_everything(self.seed)
        temperature = self.settings.infer_temperature
        return sound_to_landmarks(self.postnet, sound, temperature=temperature, seed=self.seed)

    def speak(self, audio: str | Path) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames (H, W, 3) RGB of a sound file, of any format and length, one by one.

        Raises:
            DataError: The sound cannot be read.
        """
        with Sound(audio, track_of(self.settings.infer_audio_track)) as sound:
            yield from self._frames(sound)

    def _frames(self, sound: Any) -> Iterator[NDArray[np.uint8]]:
        landmarks = self.landmarks(sound)
        seed_everything(self.seed)
        yield from render_landmarks(self.renderer, self.video, landmarks, sound.rms(), self.settings, self.seed)

    def speak_live(self, *, lookahead: int | None = None, step: int | None = None) -> LiveHead:
        """Begin a speech whose sound is still to come: push pieces in, pull frames out; see `tasks.person.live`."""
        from tasks.person.live import LiveHead  # brings torch, as above

        return LiveHead(self, lookahead=lookahead, step=step)

    def speak_to(self, audio: str | Path, out: str | Path, *, live: Path | None = None) -> Path:
        """Write an mp4 of the person saying `audio`, with that sound; it appears when it is whole.

        Args:
            live: A second mp4, which grows while the first is drawn and may be watched meanwhile.

        Raises:
            DataError: The sound cannot be read, or the video cannot be written.
        """
        target = Path(out)
        if target.suffix.lower() != ".mp4":
            raise DataError(f"{out}: the video is an mp4; end its name in .mp4")
        track = track_of(self.settings.infer_audio_track)
        with Sound(audio, track) as sound:
            marks, frames = self.marks("film"), self._frames(sound)
            if live is not None:
                frames = watched(frames, live, Path(audio), sound.frames, track=track, marks=self.marks("film"))
            return write_frames(frames, target, audio, sound.frames, track=track, marks=marks)

    def marks(self, kind: Kind) -> Marks:
        """Return what is put into a file of a kind, so that it says what it is; frames of `speak` bear nothing."""
        meta = self.video.meta
        return marks_of(self.renderer, kind, self.settings, (meta.licence, meta.consent))


def _without_frames(settings: InferSettings, video: VideoDataset) -> InferSettings:
    """Return settings that hold for a video whose frames are not here, as of a person who was unpacked.

    Raises:
        DataError: A portrait was asked for by name.
    """
    if not settings.portrait or video.has("frames"):
        return settings
    if settings.infer_compose == "portrait":
        raise DataError(f"{video.path} holds no frames, which a portrait is laid into. Use --infer_compose=full")
    log.info("The video's frames are not here: head and torso are drawn (infer_compose=full).")
    return settings.model_copy(update={"infer_compose": "full"})
