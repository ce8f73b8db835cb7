"""Starve it: no room, no right to write, no memory, data that goes away, and somebody else who wants the same folder.

Each time: one clear line, exit code 2, nothing half-written, and what was there before still loads.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from data_gen.clips.corpus import MotionCorpus
from data_gen.clips.shard_writer import ClipShardWriter
from data_gen.clips.shards import ClipShards
from data_gen.face_voice.dataset import FaceVoiceDataset
from data_gen.face_voice.writer import FaceVoiceWriter, MadePerson
from data_gen.templates.shards import TemplateShards
from data_gen.templates.writer import TemplateShardWriter
from data_gen.video.dataset import VideoDataset
from data_gen.wav2pix.pairs import FaceVoicePairs, Pair, write_pairs
from tasks import run
from tasks.core.checkpoints import checkpoint_files, read_checkpoint
from tasks.core.loading import load_task
from tests.made import make_video_dataset
from tests.patience import HANG_S
from tests.reliability.dying import kill_this_process
from tests.tasks.toy import ToySource, ToyTask
from utils.command import refused_by_machine, run_command
from utils.errors import DataError
from utils.faces.recogniser import RecogniserId
from utils.files.arrays import load_arrays, map_new_array, save_arrays
from utils.files.lock import alone_in
from utils.media.video import VideoWriter, probe

ROOT = Path(__file__).resolve().parents[2]


def refusal(main: Callable[[], int | None], capfd: pytest.CaptureFixture[str]) -> str:
    """Run a command's main as its door does; it must end with 2 and one line that begins with `error:`."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as left:
        run_command(main)
    said = capfd.readouterr().err
    assert left.value.code == 2, said
    errors = [line for line in said.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, said
    assert said.rstrip().splitlines()[-1] == errors[0], said
    assert "Traceback" not in said
    return errors[0]


def mounted(folder: Path, options: str) -> None:
    """Mount a file system of its own in memory, or skip: only root may, and not in every container."""
    folder.mkdir(parents=True)
    try:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, timeout=HANG_S)
    except OSError:
        pytest.skip("no mount here")
    if done.returncode:
        pytest.skip("only root may mount a small disk")


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """Give a disk of two megabytes."""
    folder = tmp_path / "disk"
    mounted(folder, "size=2m")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True, timeout=HANG_S)


def fill(disk: Path, leave: int = 0) -> Path:
    """Leave so many bytes of room on a disk."""
    ballast = disk / "ballast"
    free = shutil.disk_usage(disk).free
    with ballast.open("wb") as file:
        file.write(bytes(max(0, free - leave)))
    return ballast


def toy_words(folder: Path, **settings: object) -> list[str]:
    recipe = folder.parent / "toy.yaml"
    if not recipe.exists():
        recipe.write_text("task_cls: toy\nmax_updates: 8\nval_check_interval: 4\ntb_log_interval: 1\n")
    return [f"--config={recipe}", f"--exp_name={folder}", *(f"--{name}={value}" for name, value in settings.items())]


def number_of(rng: np.random.Generator) -> int:
    """Return which training batch a generator is for; -1 for one of validation."""
    entropy = rng.bit_generator.seed_seq.entropy  # type: ignore[attr-defined]
    return entropy[1] if isinstance(entropy, list) else -1


# -- no room -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("leave", [0, 3000, 12_000])
def test_a_training_whose_disk_is_full_keeps_its_checkpoints_and_goes_on(toy, disk, capfd, leave):
    words = toy_words(disk / "run")
    assert run.main([*words, "--max_updates=4"]) == 0
    before = read_checkpoint(disk / "run/last.ckpt")
    ballast = fill(disk, leave)
    line = refusal(lambda: run.main(words), capfd)
    assert "No space left on device" in line
    assert list(checkpoint_files(disk / "run")) == [4]
    after = read_checkpoint(disk / "run/last.ckpt")
    assert all(torch.equal(before["state_dict"][k], after["state_dict"][k]) for k in before["state_dict"])
    assert not list((disk / "run").glob("*.part"))
    ballast.unlink()
    assert run.main(words) == 0
    assert list(checkpoint_files(disk / "run")) == [4, 8]
    assert load_task(disk / "run").updates == 8


def test_a_disk_that_fills_while_it_trains_is_told_at_the_next_checkpoint(toy, disk, capfd, monkeypatch):
    losses = ToyTask.losses

    def filling(self, batch):
        if self.updates == 5 and self.training:
            fill(disk)
        return losses(self, batch)

    monkeypatch.setattr(ToyTask, "losses", filling)
    line = refusal(lambda: run.main(toy_words(disk / "run", tb_log_interval=100)), capfd)
    assert "No space left on device" in line
    assert list(checkpoint_files(disk / "run")) == [4]
    assert load_task(disk / "run").updates == 4


def test_an_mp4_without_room_is_refused_and_the_one_before_stays(disk, capfd):
    noise = np.random.default_rng(0)

    def write(frames: int) -> int:
        with VideoWriter(disk / "a.mp4", 128, 128, audio=np.zeros(16000, np.float32)) as out:
            for _ in range(frames):
                out.write(noise.integers(0, 255, (128, 128, 3), np.uint8).astype(np.uint8))
        return 0

    write(5)
    line = refusal(lambda: write(300), capfd)
    assert "a.mp4 could not be written" in line
    assert probe(disk / "a.mp4").frames == 5
    assert [path.name for path in disk.iterdir()] == ["a.mp4"]


def write_clips(folder: Path, size: int) -> None:
    writer = ClipShardWriter(folder, {"mel": 80})
    rows = {"landmarks": np.zeros((size, 68, 3), np.float32), "mel": np.zeros((2 * size, 80), np.float32)}
    writer.write_part("a" * 8, rows | {"pitch_hz": np.zeros(2 * size, np.float32)})
    writer.write(0, [("clip", "speaker", "a" * 8)], recipe=str(size))
    writer.finish(1)


def write_persons(folder: Path, size: int) -> None:
    face = ("a.png", np.zeros((224, 224, 3), np.uint8), np.zeros((68, 2), np.float32))
    person = MadePerson("a", "", "train", [("a.wav", np.zeros(size, np.float32))], [face] * (1 + size // 100_000))
    writer = FaceVoiceWriter(folder)
    writer.write(0, [person], recipe=str(size))
    writer.finish(1)


def write_templates(folder: Path, size: int) -> None:
    writer = TemplateShardWriter(folder, RecogniserId(name="made", sha256="0" * 64, width=4))
    jpeg = bytes(np.random.default_rng(0).integers(0, 255, size, np.uint8))
    writer.write(0, [("a.jpg", 0, jpeg, np.ones(4, np.float32))], split="train", recipe=str(size), skipped={})
    writer.finish(1)


def write_speakers(folder: Path, size: int) -> None:
    pairs = [Pair(np.full((64, 64, 3), n, np.uint8), np.ones(size, np.int16), name) for n, name in enumerate("ab")]
    write_pairs(folder, {"train": pairs, "val": pairs})


def write_video(folder: Path, size: int) -> None:
    make_video_dataset(folder, frames=max(12, size // 5000), size=32)


WRITERS: dict[str, tuple[Callable[[Path, int], None], Callable[[Path], object]]] = {
    "clips": (write_clips, lambda path: ClipShards(path).read(ClipShards(path).index.clips[0], "mel", 0, 2)),
    "face_voice": (write_persons, lambda path: FaceVoiceDataset(path).wav(0, 0)),
    "templates": (write_templates, lambda path: TemplateShards(path).templates("train")),
    "wav2pix": (write_speakers, lambda path: FaceVoicePairs(path).wavs("train")[0]),
    "video": (write_video, lambda path: VideoDataset(path).frames[0] + VideoDataset(path).landmarks[0].sum()),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_dataset_without_room_is_refused_and_the_one_before_still_loads(disk, capfd, kind):
    write, read = WRITERS[kind]
    small = {"clips": 12, "video": 12}.get(kind, 4000)
    write(disk / "data", small)
    before = read(disk / "data")
    ballast = fill(disk, 20_000)
    large = {"clips": 2000, "video": 1_000_000}.get(kind, 900_000)
    line = refusal(lambda: write(disk / "data", large), capfd)
    assert "o space left on device" in line
    np.testing.assert_equal(read(disk / "data"), before)
    ballast.unlink()
    write(disk / "data", small)
    np.testing.assert_equal(read(disk / "data"), before)


def test_a_mapped_file_takes_its_room_at_once(disk):
    """Else writing to it later ends the process with SIGBUS, without a word."""
    with pytest.raises(OSError, match="No space left"):
        map_new_array(disk / "a.npy", (4_000_000,))


def test_a_limit_on_file_sizes_is_one_line_too(tmp_path):
    """The same without a disk of its own: `ulimit -f`, which anybody may set."""
    save_arrays(tmp_path / "a.safetensors", {"x": np.zeros(10, np.float32)})
    code = (
        "import os, resource, sys, numpy as np\nfrom pathlib import Path\n"
        "from utils.command import run_command\nfrom utils.files.arrays import save_arrays\n"
        "from utils.files.tables import write_json\nfrom utils.media.video import VideoWriter\n"
        "def film():\n"
        "    with VideoWriter(Path(sys.argv[2]).with_suffix('.mp4'), 64, 64) as out:\n"
        "        for _ in range(40):\n"
        "            out.write(np.frombuffer(os.urandom(64 * 64 * 3), np.uint8).reshape(64, 64, 3))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "way = {'film': film, 'arrays': lambda: save_arrays(sys.argv[2], {'x': np.zeros(100_000, np.float32)}),\n"
        "       'json': lambda: write_json(sys.argv[2], list(range(100_000)))}[sys.argv[1]]\n"
        "run_command(way)\n"
    )
    for way, text in (("arrays", "File too large"), ("json", "File too large"), ("film", "look at `ulimit -f`")):
        done = subprocess.run(
            [sys.executable, "-c", code, way, str(tmp_path / "a.safetensors")],
            cwd=ROOT, capture_output=True, text=True, timeout=HANG_S,
        )  # fmt: skip
        assert done.returncode == 2, done.stderr
        assert done.stderr.startswith("error: ")
        assert len(done.stderr.splitlines()) == 1
        assert text in done.stderr
    assert load_arrays(tmp_path / "a.safetensors")["x"].shape == (10,)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


# -- no right to write -------------------------------------------------------------------------------------------------
def test_a_run_that_may_only_be_read_is_refused_and_can_still_be_used(toy, disk, capfd):
    words = toy_words(disk / "run")
    assert run.main([*words, "--max_updates=4"]) == 0
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True, timeout=HANG_S)
    line = refusal(lambda: run.main(words), capfd)
    assert "Read-only file system" in line
    assert load_task(disk / "run").updates == 4
    assert "Read-only" in refusal(lambda: write_speakers(disk / "data", 4000), capfd)


def test_a_file_where_a_folder_should_be_is_named(toy, tmp_path, capfd):
    (tmp_path / "file").write_text("precious")
    line = refusal(lambda: run.main(toy_words(tmp_path / "file/run")), capfd)
    assert str(tmp_path / "file") in line
    for write, _ in WRITERS.values():
        assert "file" in refusal(lambda write=write: write(tmp_path / "file/data", 4000), capfd)
    assert (tmp_path / "file").read_text() == "precious"


# -- data that goes away or changes ------------------------------------------------------------------------------------
def two_shards(folder: Path, value: float = 0.0) -> ClipShards:
    writer = ClipShardWriter(folder, {"mel": 80})
    for number in range(2):
        rows = {"landmarks": np.full((30, 68, 3), value, np.float32), "mel": np.full((60, 80), value, np.float32)}
        writer.write_part(str(number), rows | {"pitch_hz": np.zeros(60, np.float32)})
        writer.write(number, [(f"clip{number}", "speaker", str(number))], recipe=f"{number}{value}", first=number)
    return writer.finish(2)


@pytest.mark.parametrize("how", ["gone", "made again"])
def test_a_corpus_that_vanishes_or_is_made_again_while_it_is_read_is_told(tmp_path, how):
    two_shards(tmp_path / "data")
    corpus = MotionCorpus([tmp_path / "data"], "mel", "all")
    corpus.read(corpus.runs[0])
    fingerprint = corpus.fingerprint
    shutil.rmtree(tmp_path / "data")
    if how == "made again":
        two_shards(tmp_path / "data", 1.0)
        assert MotionCorpus([tmp_path / "data"], "mel", "all").fingerprint != fingerprint
    corpus.read(corpus.runs[0])  # what is open stays readable
    with pytest.raises(DataError, match="was made again, or is gone, since it was opened"):
        corpus.read(corpus.runs[1])


def test_a_video_dataset_that_is_made_again_is_not_mixed_with_the_old_one(tmp_path):
    data = make_video_dataset(tmp_path / "made", frames=12, size=32)
    first = data.frames[0].copy()
    make_video_dataset(tmp_path / "made", frames=12, size=32, seed=3)
    np.testing.assert_array_equal(data.frames[0], first)
    with pytest.raises(DataError, match="was made again"):
        _ = data.landmarks


def test_a_training_on_other_data_than_it_was_begun_with_says_so(toy, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(ToyTask, "prepare", lambda self: setattr(self, "data_fingerprint", os.environ["DATA"]))
    for data, updates in (("first", 4), ("second", 8)):
        monkeypatch.setenv("DATA", data)
        assert run.main([*toy_words(tmp_path / "run"), f"--max_updates={updates}"]) == 0
    assert "The data is not what this run was begun with" in caplog.text


@pytest.mark.parametrize("workers", [0, 1])
def test_data_that_goes_away_during_training_is_one_line_and_the_checkpoint_stays(
    toy, tmp_path, capfd, monkeypatch, workers
):
    draw = ToySource.batch

    def vanishing(self, rng):
        if number_of(rng) == 6:
            raise DataError("data/binary/lrs3 was made again, or is gone, since it was opened. Start again.")
        return draw(self, rng)

    monkeypatch.setattr(ToySource, "batch", vanishing)
    line = refusal(lambda: run.main(toy_words(tmp_path / "run", num_workers=workers)), capfd)
    assert line == "error: data/binary/lrs3 was made again, or is gone, since it was opened. Start again."
    assert load_task(tmp_path / "run").updates == 4


def test_a_video_that_is_replaced_while_it_is_read_is_refused(tmp_path, monkeypatch):
    from data_gen.stages import Workshop
    from data_gen.video import convert, pipeline
    from data_gen.video.job import VideoJob

    video = tmp_path / "a.mp4"
    video.write_bytes(b"first")
    job = VideoJob(id="a", video=video, data_dir=tmp_path, landmarks="dlib")

    def replaced(*words, **named):
        video.write_bytes(b"second, longer")
        return {"frames": 1}

    monkeypatch.setattr(convert, "convert", replaced)
    monkeypatch.setattr(convert, "probe_video", lambda *words: {"duration_s": 60.0})
    with pytest.raises(DataError, match="was changed while it was read"):
        pipeline.do_stages(job, Workshop(tmp_path / "w"))
    assert not (tmp_path / "w/convert").exists()


def test_a_clip_that_is_replaced_while_it_is_read_is_left_out(tmp_path, monkeypatch):
    from data_gen.clips import process
    from data_gen.clips.plan import ClipJob

    video = tmp_path / "a.mp4"
    video.write_bytes(b"first")
    monkeypatch.setitem(process._detectors, "made", None)
    monkeypatch.setattr(process, "process_clip", lambda *words: video.write_bytes(b"second, longer") and {})
    made = process.make_clip(ClipJob("a", "b", str(video)), process.ClipRecipe("made", ("mel",)))
    assert made == "it was changed while it was read"


# -- no memory, no worker ----------------------------------------------------------------------------------------------
def test_a_worker_that_is_killed_ends_the_training_in_one_line(toy, tmp_path, capfd, monkeypatch):
    draw = ToySource.batch

    def dying(self, rng):
        if number_of(rng) == 6:
            os.kill(os.getpid(), signal.SIGKILL)  # as the kernel does when memory runs out
        return draw(self, rng)

    monkeypatch.setattr(ToySource, "batch", dying)
    line = refusal(lambda: run.main(toy_words(tmp_path / "run", num_workers=1)), capfd)
    assert "A process that shares the work died" in line
    assert load_task(tmp_path / "run").updates == 4


def test_a_worker_of_a_pool_that_is_killed_is_one_line(tmp_path, capfd, monkeypatch):
    from data_gen import run as door
    from data_gen.face_voice import run as face_voice

    for person in "abc":
        (tmp_path / "raw" / person).mkdir(parents=True)
        (tmp_path / "raw" / person / "a.png").write_bytes(b"x")
    monkeypatch.setattr(face_voice, "process_one", kill_this_process)
    words = ["face_voice", "--persons", str(tmp_path / "raw"), "--out", str(tmp_path / "out"), "--workers", "2"]
    assert "A process that shares the work died" in refusal(lambda: door.main([*words, "--faces_only"]), capfd)


def test_too_little_memory_is_one_line(capfd):
    assert "too little memory" in refusal(lambda: torch.empty(1 << 60) is None, capfd)
    assert "too little memory" in refusal(lambda: np.empty(1 << 58, np.uint8) is None, capfd)
    assert refused_by_machine(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert refused_by_machine(RuntimeError("mat1 and mat2 shapes cannot be multiplied")) is None


# -- two of them -------------------------------------------------------------------------------------------------------
def test_a_second_training_of_one_run_is_refused_and_named(toy, tmp_path, capfd):
    words = toy_words(tmp_path / "run")
    assert run.main([*words, "--max_updates=4"]) == 0
    with alone_in(tmp_path / "run", "x"):
        for more in ([], ["--reset"]):
            line = refusal(lambda more=more: run.main([*words, *more]), capfd)
            assert "is being trained by another process. Choose another --exp_name" in line
            assert f"(it is process {os.getpid()} on " in line
    assert list(checkpoint_files(tmp_path / "run")) == [4], "nothing was set aside"
    assert run.main(words) == 0
    assert not (tmp_path / "run/.held_by.json").exists()


def test_a_run_that_could_not_begin_leaves_no_folder(toy, tmp_path, capfd, monkeypatch):
    def refuse(self):
        raise DataError("No clips.")

    monkeypatch.setattr(ToyTask, "prepare", refuse)
    refusal(lambda: run.main([toy_words(tmp_path / "run")[0], f"--exp_name={tmp_path / 'far/new/run'}"]), capfd)
    assert not (tmp_path / "far").exists()


HOLD = (
    "import os, sys, time\nfrom pathlib import Path\nfrom utils.files.lock import alone_in\n"
    "with alone_in(Path(sys.argv[1]), 'busy'):\n"
    "    child = os.fork()\n"
    "    os.write(1, b'%d\\n' % child)\n"
    f"    time.sleep({HANG_S})\n"
)
"""Hold a folder, with a forked child as a DataLoader has them."""


def test_a_lock_ends_with_a_killed_process_though_its_children_live_on(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    children = [int(line) for line in (holder.stdout.readline(), holder.stdout.readline())]
    child = max(children)
    try:
        with pytest.raises(DataError, match=rf"^busy \(it is process {holder.pid} on "), alone_in(tmp_path, "busy"):
            pass
        assert json.loads((tmp_path / ".held_by.json").read_text())["pid"] == holder.pid
        holder.kill()
        holder.wait(timeout=HANG_S)
        os.kill(child, 0)  # it lives
        with alone_in(tmp_path, "busy"):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        holder.kill()
        holder.stdout.close()


def test_limits_of_this_process_are_as_they_were():
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
