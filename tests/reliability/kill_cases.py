"""Every training, every making of data and every use of a trained network, as small as they go: what may be killed."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from tests.made import make_video_dataset, write_tone
from tests.made_faces import make_faces, make_recogniser, make_speakers
from tests.made_persons import made_voice, make_persons
from tests.reliability import compare
from tests.reliability.harness import Command, Running, Stop, main_of
from tests.tasks import test_every_picture_task as pictures
from tests.tasks import test_every_speech_to_face_task as voices
from tests.tasks import test_every_task as heads
from tests.tasks.exchange import geneface_files
from utils.files.aside import remove

MORE = ("num_valid_plots=0", "num_ckpt_keep=1")
OF = ((heads, heads.SMALL), (voices, voices.SMALL), (pictures, pictures.SMALL))
TRAINING = {task: place for place, tasks in OF for task in tasks}
"""Task -> the file of tests that has it small."""
DATA = tuple(f"data_gen {name}" for name in ("video", "clips", "face_voice", "templates", "wav2pix", "demo"))
INFERENCE = (
    "infer postnet", "infer lm3d_nerf", "infer lm3d_nerf_torso", "infer ve_conv", "infer ve_ast", "infer face_decoder",
    "infer template_decoder", "infer wav2pix", "talking_head infer", "lm_visualizer",
)  # fmt: skip
EXCHANGE = ("import_checkpoint", "export_checkpoint")
NAMES = (*DATA, *TRAINING, *INFERENCE, *EXCHANGE)
OF_LIBRARIES = ("torchinductor_", ".ses")
"""What torch and others keep in the temporary folder from one process to the next, once they are imported."""
RUNS = ("training", "import")
"""Kinds of commands that write the folder of a run."""
SLOW = {
    "data_gen video", "data_gen clips", "data_gen demo", "data_gen face_voice", "template_decoder", "ve_ast", "ve_conv",
    "face_decoder", "lm3d_nerf_torso", "lm3d_nerf_portrait", "wav2pix", "infer face_decoder", "infer lm3d_nerf",
    "infer lm3d_nerf_torso",
    "infer template_decoder", "infer ve_ast", "infer ve_conv", "infer wav2pix",
}  # fmt: skip
"""Cases that take long, or that go the way of another: what the short version leaves out."""
NEEDS = {
    "lm3d_vae_sync": ("syncnet",), "postnet": ("syncnet", "lm3d_vae_sync"), "lm3d_nerf_torso": ("lm3d_nerf",),
    "lm3d_nerf_portrait": ("lm3d_nerf",),
    "face_decoder": ("face_encoder",), "ve_conv": ("face_decoder",), "ve_ast": ("face_decoder",),
    "template_decoder": ("data_gen templates",), "wav2pix": ("data_gen wav2pix",),
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A command, where its results go, and what must be there before.

    Attributes:
        words: What follows the script, given the folder of results.
        home: Type it in this folder; in the folder of results when None.
        varies: Names of files that tell times, and differ from run to run.
    """

    name: str
    kind: Literal["training", "data", "inference", "import"]
    script: str
    words: Callable[[Path], list[str]]
    needs: tuple[str, ...] = ()
    home: Path | None = None
    varies: tuple[str, ...] = ()


class House:
    """Small made data, the cases on them, and their unbroken runs.

    Args:
        root: An empty folder.
        forks: Make the unbroken runs in processes, and not in this one.
    """

    def __init__(self, root: Path, *, forks: bool = True) -> None:
        self.root, self.forks = root, forks
        self.changes: dict[str, int] = {}
        """Changes that an unbroken run of each case makes to its folder."""
        self.work_s: dict[str, float] = {}
        """Processor seconds of an unbroken run of each case."""
        make_video_dataset(root / "binary/made", frames=100, size=32)
        make_persons(root / "persons", 8, seconds=2.9)
        make_faces(root / "faces", people=3, photos=3)
        make_recogniser(root / "little.onnx")
        make_speakers(root / "speakers")
        _portrait(root)
        t = np.arange(24_000) / 16_000
        write_tone(root / "voice.wav", 0.3 * np.sin(2 * np.pi * 150 * t) * (0.6 + 0.4 * np.sin(8 * t)))
        for folder in ("runs", "checkpoints", "data/binary"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "checkpoints/made").symlink_to(root / "runs")
        (root / "data/binary/videos").symlink_to(root / "binary")
        geneface_files.save_syncnet(root / "published.ckpt")
        cases = [*self._trainings(), *self._data(), *self._inferences(), *self._exchange()]
        self.cases = {case.name: case for case in cases}
        assert set(self.cases) == set(NAMES)

    def whole(self, case: Case) -> Path:
        """Return the folder of a case's unbroken run; make it, and what it needs, when it is not there."""
        folder = self.folder(case, "whole")
        if case.name in self.changes:
            return folder
        for need in case.needs:
            self.whole(self.cases[need])
        if self.forks:
            running = self.start(case, "whole", stop=(0, 0.0))
            assert running.wait() == 0, running.said()
            self.work_s[case.name] = float(running.command.log.with_suffix(".work").read_text())
            self.changes[case.name] = int(running.command.log.with_suffix(".changes").read_text())
            assert not running.left()
        else:
            self.changes[case.name] = 0
            self.do(case, "whole")
        for made in (folder / "faces_made", folder / "pairs_made"):
            if made.is_dir():
                (self.root / made.name).symlink_to(made)
        return folder

    @functools.cached_property
    def importing_s(self) -> float:
        """Return about how many processor seconds a command that a person types takes until it begins."""
        began = os.times()
        words = tuple(TRAINING["lm3d_nerf"].words(self.root, "lm3d_nerf"))
        Running(Command("tasks/run.py", (*words, "--help"), self.root, self.root / "help.txt"), typed=True).wait()
        ended = os.times()
        return ended.children_user + ended.children_system - began.children_user - began.children_system

    def folder(self, case: Case, run: str) -> Path:
        """Return the folder of results of one run of a case."""
        if case.kind in RUNS:
            return self.root / "runs" / (case.name if run == "whole" else f"{case.name}_{run}")
        return self.root / "out" / case.name.replace(" ", "_") / run

    def start(
        self,
        case: Case,
        run: str,
        *,
        typed: bool = False,
        stop: tuple[int, float] | None = None,
        with_signal: int = signal.SIGKILL,
        more: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> Running:
        """Start a case, or start it again, with its results in the folder of `run`.

        Args:
            typed: As a person types it, and not forked.
            stop, with_signal: At which change to its folder, how long after it and with what to end it.
            more: Flags besides the case's own.
            environment: Variables besides the case's own.
        """
        watch = None if stop is None else Stop(self.folder(case, run), *stop, with_signal)
        return Running(self._command(case, run, more, environment or {}, watch), typed=typed)

    def do(self, case: Case, run: str, *, more: tuple[str, ...] = ()) -> None:
        """Do a case in this process."""
        command = self._command(case, run, more, {}, None)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in command.environment.items():
                patch.setenv(name, value)
            patch.chdir(command.cwd)
            patch.setattr(sys, "argv", [command.script, *command.words])
            assert main_of(command)() == 0

    def _command(
        self, case: Case, run: str, more: tuple[str, ...], environment: dict[str, str], watch: Stop | None
    ) -> Command:
        folder = self.folder(case, run)
        home = case.home or folder
        for needed in (folder.parent, home):
            needed.mkdir(parents=True, exist_ok=True)
        log = self.root / "logs" / f"{case.name.replace(' ', '_')}_{run}.txt"
        log.parent.mkdir(exist_ok=True)
        ours = {
            "VIZEME_ASSETS": str(self.root / "no_assets"), "XDG_CACHE_HOME": str(self.root / "cache"),
            "TMPDIR": str(self.temporary),
        }  # fmt: skip
        return Command(case.script, (*case.words(folder), *more), home, log, ours | environment, watch)

    @property
    def temporary(self) -> Path:
        """Return where temporary files of the commands go."""
        (self.root / "tmp").mkdir(exist_ok=True)
        return self.root / "tmp"

    def differences(self, case: Case, run: str) -> list[str]:
        """List in what the results of a run differ from the unbroken one's."""
        whole, folder = self.folder(case, "whole"), self.folder(case, run)
        if case.kind in RUNS:
            return compare.same_runs(whole, folder)
        return compare.same_files(whole, folder, case.varies)

    def half_written(self, case: Case, run: str) -> list[str]:
        """List what of an unfinished run would be taken for whole, and is not."""
        whole, folder = self.folder(case, "whole"), self.folder(case, run)
        if not folder.exists():
            return []
        if case.kind in RUNS:
            return compare.sound_checkpoints(whole, folder)
        return compare.half_written(whole, folder, case.varies)

    def left_behind(self) -> list[str]:
        """Name what ended commands left in the temporary folder, and remove it."""
        found = list(self.temporary.iterdir())
        for path in found:
            remove(path)
        ours = [path.name for path in found if not path.name.startswith(OF_LIBRARIES)]
        return [f"{name} is left in the temporary folder" for name in ours]

    def _trainings(self) -> list[Case]:
        def words(name: str) -> Callable[[Path], list[str]]:
            def make(folder: Path) -> list[str]:
                more = [word for setting in MORE for word in ("--set", setting)]
                return [*TRAINING[name].words(self.root, name, folder.name), *more]

            return make

        return [Case(name, "training", "tasks/run.py", words(name), NEEDS.get(name, ())) for name in TRAINING]

    def _data(self) -> list[Case]:
        root = self.root

        def case(name: str, *words: str, varies: tuple[str, ...] = ()) -> Case:
            return Case(
                f"data_gen {name}", "data", "data_gen/run.py", lambda _: [name.split()[0], *words], varies=varies
            )

        clips, video = f"--videos={root / 'raw'}", f"--video={root / 'raw/anna/0.mp4'}"
        little = ["--recogniser", str(root / "little.onnx"), "--aligned", "--val_identities=1", "--per_shard=3"]
        return [
            case("video", "--id=anna", video, "--size=128", "--landmarks=dlib", "--parsing=grabcut", "--data_dir=data",
                 varies=("stage.json", "report.json", "report.md")),
            case("clips", clips, "--out=corpus", "--detector=dlib", "--per_shard=2", "--workers=1"),
            case("face_voice", f"--persons={root / 'people'}", "--per_shard=1", "--out=persons", "--detector=dlib",
                 "--val=0.3", "--test=0"),
            case("templates", f"--faces={root / 'faces'}", "--out=faces_made", *little),
            case("wav2pix", f"--pairs={root / 'speakers'}", "--out=pairs_made"),
            case("demo", "--out=raw/videos/demo.mp4", "--seconds=3", "--size=64"),
        ]  # fmt: skip

    def _inferences(self) -> list[Case]:
        root, voice, landmarks = self.root, self.root / "voice.wav", self.root / "lm.npy"
        someone = root / "speakers/speaker0/0.wav"

        def infer(of: str, out: str, **settings: object) -> Case:
            setting, file = out.split("=")

            def words(folder: Path) -> list[str]:
                given = {setting: folder / file, **settings}
                return [*TRAINING[of].words(root, of), "--infer", *(f"--{key}={value}" for key, value in given.items())]

            return Case(f"infer {of}", "inference", "tasks/run.py", words, (of,), home=root)

        def speak(folder: Path) -> list[str]:
            return ["infer", "made", str(voice), str(folder / "out.mp4")]

        def look(folder: Path) -> list[str]:
            return [f"--npy_name={landmarks}", f"--audio_name={voice}", f"--out_path={folder / 'out.mp4'}"]

        spoken = {"infer_audio_source_name": voice, "infer_cond_name": landmarks}
        return [
            infer("postnet", "infer_out_npy_name=out.npy", infer_audio_source_name=voice),
            infer("lm3d_nerf", "infer_out_video_name=out.mp4", **spoken),
            infer("lm3d_nerf_torso", "infer_out_video_name=out.mp4", **spoken),
            infer("ve_conv", "infer_out_image_name=face.png", infer_audio_source_name=someone),
            infer("ve_ast", "infer_out_image_name=face.png", infer_audio_source_name=someone),
            infer("face_decoder", "infer_out_image_name=faces", infer_image=root / "photos", infer_detector="dlib"),
            infer("template_decoder", "infer_out_dir=faces", infer_source=root / "faces/person0", infer_aligned="true"),
            infer("wav2pix", "infer_out_dir=faces", infer_audio_source_name=root / "speakers"),
            Case(
                "talking_head infer", "inference", "tasks/talking_head.py", speak, ("postnet", "lm3d_nerf_torso"), root
            ),
            Case("lm_visualizer", "inference", "utils/visualization/lm_visualizer.py", look, home=root),
        ]


    def _exchange(self) -> list[Case]:
        def bring_in(folder: Path) -> list[str]:
            return [str(self.root / "published.ckpt"), f"--exp_name={folder}"]

        def export(folder: Path) -> list[str]:
            told = ["--licence=CC0", "--consent=made, nobody's"]
            return [str(self.folder(self.cases["syncnet"], "whole")), f"--out={folder / 'made.safetensors'}", *told]

        home = self.root
        return [
            Case("import_checkpoint", "import", "tasks/import_checkpoint.py", bring_in, home=home),
            Case("export_checkpoint", "inference", "tasks/export_checkpoint.py", export, ("syncnet",), home=home),
        ]


def _portrait(root: Path) -> None:
    """Write photographs, persons, and three short videos of a public-domain portrait that sways and hums."""
    from PIL import Image
    from skimage.data import astronaut

    from utils.media.video import VideoWriter

    picture = astronaut()[:360, 20:480]
    (root / "photos").mkdir()
    for number in range(2):
        photo = Image.fromarray(astronaut()[: 300 + 10 * number, 100:400])
        photo.save(root / f"photos/{number}.png")
        for person in ("anna", "bert", "carl"):
            (root / "people" / person).mkdir(parents=True, exist_ok=True)
            photo.save(root / "people" / person / f"{number}.png")
            write_tone(root / "people" / person / f"{number}.wav", made_voice(0.4 + number / 4, 1.0))
    for number, (name, seconds) in enumerate((("anna/0", 2.0), ("anna/1", 0.4), ("bert/0", 0.4))):
        file = root / "raw" / f"{name}.mp4"
        file.parent.mkdir(parents=True, exist_ok=True)
        t = np.arange(int(seconds * 16_000)) / 16_000
        hum = 0.3 * np.sin(2 * np.pi * (140 + 9 * number) * t) * (0.5 + 0.5 * np.sin(2 * np.pi * 3 * t))
        with VideoWriter(file, 360, 440, audio=hum.astype(np.float32)) as writer:
            for index in range(round(25 * seconds)):
                shift = round(8 + 6 * np.sin(index / 9 + number))
                writer.write(np.ascontiguousarray(picture[:, shift : shift + 440]))
    landmarks = np.random.default_rng(0).normal(0, 0.1, (1, 38, 204))
    np.save(root / "lm.npy", landmarks.astype(np.float32))
