"""Make a person say something: the three trained networks behind one object, and the commands around it.

    python tasks/talking_head.py train May
    python tasks/talking_head.py infer May speech.wav infer_out/May/speech.mp4
    python tasks/talking_head.py play May speech.wav        # a page that plays while it is drawn
    python tasks/talking_head.py evaluate May

In Python:
    head = TalkingHead.load("May")
    head.speak_to("speech.wav", "speech.mp4")
    for frame in head.speak("speech.wav"):   # (H, W, 3) uint8 RGB, 25 a second
        ...
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

ROOT = Path(__file__).resolve().parents[1]
if sys.path and Path(sys.path[0] or ".").resolve() == ROOT / "tasks":
    sys.path[0] = str(ROOT)  # else tasks/ hides the packages beside it

import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from utils.errors import ConfigError, DataError, run_command  # noqa: E402
from utils.flags import whole  # noqa: E402

if TYPE_CHECKING:
    from tasks.live import LiveHead

log = logging.getLogger("vizeme")
SYNCNETS = ("syncnet", "lm3d_syncnet")
POSTNETS = ("postnet", "lm3d_postnet_sync")
RENDERERS = ("lm3d_nerf_torso", "lm3d_nerf")
PRESETS = ("person", "person_small", "demo")


class TalkingHead:
    """Speak any sound with one person's face.

    Use `load`. Frames are (H, W, 3) uint8 RGB at 25 a second; the same sound, settings and seed give the same frames.

    Attributes:
        postnet: Sound features -> landmarks, for this person.
        renderer: Landmarks and head poses -> frames.
        video: The person's processed video: head poses, torso, how the face rests.
        settings: How; see `tasks.inference.InferSettings`.
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
                which is sharper. auto is the first of them that is trained.
            device: auto (a GPU when there is one), cpu, cuda, ...
            steps: Which checkpoints: best, last, or a number of updates.
            seed: Decides what is drawn at random.
            settings: `infer_*` settings, and those of the renderer such as `n_samples_per_ray`.

        Raises:
            DataError: Something is not trained or not processed; the message has the command that does it.
            ConfigError: A setting does not exist.
        """
        from tasks.checkpoints import load_task
        from tasks.inference import InferSettings, video_of
        from utils.config import parse

        chosen = dict(settings or {})
        own = {name: chosen.pop(name) for name in list(chosen) if name in InferSettings.model_fields}
        run = find_run(person, RENDERERS if renderer == "auto" else (renderer,))
        if run.name == "lm3d_nerf" and renderer == "auto":
            log.warning(
                "No torso is trained for %s: its head is shown over the footage's own shoulders. Train it: %s",
                person,
                f"bash scripts/train_talking_head.sh {person}",
            )
        postnet: Any = load_task(find_run(person, POSTNETS), steps, device)  # type: ignore[arg-type]
        draw: Any = load_task(run, steps, device, settings=chosen)  # type: ignore[arg-type]
        if draw.cfg.task_cls not in RENDERERS:
            raise ConfigError(
                f"{run} is imported and renders in the footage of its own project: "
                f"bash scripts/infer_postnet.sh {person} SOUND, then bash scripts/infer_lm3d_nerf.sh {person} SOUND"
            )
        unknown = sorted(set(chosen) - set(type(draw).schema.model_fields))
        defaults = {k: v for k, v in draw.cfg.model_dump().items() if k in InferSettings.model_fields}
        wrong = dict.fromkeys(unknown)
        merged = parse(InferSettings, {**defaults, **own, **wrong}, Path(f"settings for {person}"))
        return cls(postnet, draw, video_of(draw), merged, seed=seed)

    def landmarks(self, sound: Any) -> NDArray[np.float32]:
        """Turn an open `tasks.inference.Sound` into landmarks (T, 68, 3) as the person would move, not yet mended."""
        from tasks.inference import seed_everything, sound_to_landmarks

        seed_everything(self.seed)
        temperature = self.settings.infer_temperature
        return sound_to_landmarks(self.postnet, sound, temperature=temperature, seed=self.seed)

    def speak(self, audio: str | Path) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames of a sound file (any format and length) one by one."""
        from tasks.inference import Sound

        with Sound(audio) as sound:
            yield from self._frames(sound)

    def _frames(self, sound: Any) -> Iterator[NDArray[np.uint8]]:
        from tasks.inference import render_landmarks, seed_everything

        landmarks = self.landmarks(sound)
        seed_everything(self.seed)
        yield from render_landmarks(self.renderer, self.video, landmarks, sound.rms(), self.settings, self.seed)

    def speak_live(self, *, lookahead: int | None = None, step: int | None = None) -> LiveHead:
        """Begin a speech whose sound is still to come: push pieces of it in, pull frames out; see `tasks.live`."""
        from tasks.live import LiveHead

        return LiveHead(self, lookahead=lookahead, step=step)

    def speak_to(self, audio: str | Path, out: str | Path) -> Path:
        """Write an mp4 of the person saying `audio`, with that sound; it appears when it is whole.

        Raises:
            DataError: The sound cannot be read, or the video cannot be written.
        """
        from tasks.inference import Sound, write_frames

        target = Path(out)
        if target.suffix.lower() != ".mp4":
            raise DataError(f"{out}: the video is an mp4; end its name in .mp4")
        with Sound(audio) as sound:
            return write_frames(self._frames(sound), target, audio, sound.frames)


def find_run(person: str, names: tuple[str, ...]) -> Path:
    """Return the first of a person's runs that has a checkpoint.

    Raises:
        DataError: None has; the message has the command that trains it.
    """
    from tasks.checkpoints import checkpoint_files, work_dir_of

    for name in names:
        folder = work_dir_of(f"{person}/{name}")
        if checkpoint_files(folder):
            return folder
    base = work_dir_of(person)
    others = sorted(p.name for p in base.parent.glob("*") if any(checkpoint_files(p / n) for n in RENDERERS))
    hint = f" Trained: {', '.join(others)}." if others else ""
    raise DataError(
        f"No trained {names[0]} for '{person}' in {base}.{hint} Train it: bash scripts/train_talking_head.sh {person}"
    )


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    out = argparse.ArgumentParser(
        prog="python tasks/talking_head.py", description="Train a talking head, let it speak, measure it."
    )
    commands = out.add_subparsers(dest="command", required=True, metavar="{train,infer,play,evaluate}")
    settings = "a setting, name=value; may be repeated"

    train = commands.add_parser("train", help="train the five tasks of a person whose video is processed")
    train.add_argument("video_id", help="the id given to data_gen/run.py video --id")
    train.add_argument("--preset", default="person", help=f"set of recipes: {', '.join(PRESETS)} (person)")
    train.add_argument(
        "--audio_feature",
        help="speech feature: mel, mfcc, whisper, hubert, ... (the first of whisper:3-5, whisper, mel that is there)",
    )
    train.add_argument("--set", action="append", default=[], metavar="[STAGE.]A=1", help=settings)
    train.add_argument("--binary_data_dir", default="", help="where processed videos lie (data/binary/videos)")
    train.add_argument("--reset", action="store_true", help="train anew; old runs are set aside")

    infer = commands.add_parser("infer", help="speak a sound into an mp4")
    infer.add_argument("video_id", help="who speaks")
    infer.add_argument("audio", help="what is said: any sound or video file, any length")
    infer.add_argument("out", help="the mp4 to write")
    _use(infer, settings)

    play = commands.add_parser("play", help="show a page on this machine that plays while it is drawn")
    play.add_argument("video_id", help="who speaks")
    play.add_argument("audio", nargs="*", help="what may be said; others can be sent to the page")
    play.add_argument("--port", type=int, default=8025, help="of 127.0.0.1; 0 takes a free one (8025)")
    play.add_argument("--max_upload_mb", type=float, default=100, help="largest sound that the page takes (100)")
    _use(play, settings)

    evaluate = commands.add_parser("evaluate", help="compare with held-out footage; writes figures and pictures")
    evaluate.add_argument("video_id", help="whom")
    evaluate.add_argument("--frames", type=whole(1), default=250, help="at most so many held-out frames (250)")
    evaluate.add_argument("--out", default="", help="folder to write (infer_out/<id>/evaluation)")
    _use(evaluate, settings)
    return out


def _use(command: argparse.ArgumentParser, settings: str) -> None:
    """Add what both users of a trained head take."""
    command.add_argument(
        "--renderer",
        choices=["auto", *RENDERERS],
        default="auto",
        help="lm3d_nerf_torso, or lm3d_nerf: the head over the footage's own torso, which is sharper (auto)",
    )
    command.add_argument("--steps", default="best", help="which checkpoints: best, last or a number (best)")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda (auto)")
    command.add_argument("--seed", type=whole(0, 2**63 - 1), default=9999, help="decides what is random (9999)")
    command.add_argument("--set", action="append", default=[], metavar="A=1", help=settings)


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    if given.command == "train":
        from tasks.person_training import train_person

        hearing = [f"audio_feature={given.audio_feature}"] if given.audio_feature else []
        return train_person(
            given.video_id,
            preset=given.preset,
            settings=hearing + given.set,
            binary_dir=given.binary_data_dir,
            reset=given.reset,
        )
    from tasks.checkpoints import parse_steps
    from utils.config import assignment

    settings = dict(assignment(text) for text in given.set)
    how: dict[str, Any] = {
        "renderer": given.renderer,
        "device": given.device,
        "steps": parse_steps(given.steps),
        "seed": given.seed,
        "settings": settings,
    }
    if given.command == "infer":
        from utils.ffmpeg import existing_file

        existing_file(given.audio)  # before seconds are spent on loading
        head = TalkingHead.load(given.video_id, **how)
        print(head.speak_to(given.audio, given.out))
        return 0
    if given.command == "play":
        return _play(given, how)
    from tasks.person_evaluation import evaluate_person

    head = TalkingHead.load(given.video_id, **how)
    folder = Path(given.out or f"infer_out/{given.video_id}/evaluation")
    evaluate_person(head, given.video_id, folder, frames=given.frames)
    return 0


def _play(given: argparse.Namespace, how: Mapping[str, Any]) -> int:
    """Show the page until Ctrl-C."""
    from tasks.live_page import serve
    from utils.ffmpeg import existing_file

    if not 0 <= given.port <= 65535:
        raise ConfigError(f"--port {given.port}: a port is a number from 0 to 65535")
    if not 0 < given.max_upload_mb <= 100_000:
        raise ConfigError(f"--max_upload_mb {given.max_upload_mb:g}: must be more than 0, and at most 100,000")
    sounds = [existing_file(path) for path in given.audio]
    head = TalkingHead.load(given.video_id, **how)
    serve(head, given.video_id, sounds, port=given.port, max_upload_mb=given.max_upload_mb)
    return 0


if __name__ == "__main__":
    run_command(main)
