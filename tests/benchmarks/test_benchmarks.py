"""The benchmarks of training run, on their smallest rows; what is found by regression is known."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch

from data_gen.face_voice.dataset import FaceVoiceDataset
from data_gen.video.pose.tracking import CameraFit
from data_gen.video.stage import Stage
from tasks.core.loading import load_task
from tasks.person.head import TalkingHead
from tests.benchmarks.bf16 import PRECISIONS, TRIALS, House
from tests.benchmarks.cross_driving import in_step
from tests.benchmarks.cross_driving import main as drive
from tests.benchmarks.face_verification import main as verify
from tests.benchmarks.footage import main as compare
from tests.benchmarks.person import UPDATES, Cost, split
from tests.benchmarks.portrait import measure as measure_portrait
from tests.benchmarks.pose import leak
from tests.benchmarks.processing import ALL, likeness, medians, timed
from tests.benchmarks.route import Judge, turns_of
from tests.benchmarks.step_rows import ROWS
from tests.benchmarks.train_steps import line, measure
from tests.benchmarks.voice_bound import nearest, ridge
from tests.benchmarks.voice_folds import deal
from tests.benchmarks.voice_folds import main as fold_by_fold
from tests.made import make_video_dataset
from tests.made_heads import make_house
from tests.made_persons import make_persons
from tests.patience import HANG_S
from utils.camera import invert, make_transform, rotation_matrix
from utils.faces.landmarks import MEAN_FACE
from utils.media.picture_file import SUFFIX, PictureWriter
from utils.media.pictures import read_photo


def test_a_step_is_timed_as_it_is_trained():
    found = measure("wav2pix_64", "32", 1)
    row = ROWS["wav2pix_64"]
    assert row.original is not None
    assert found["parameters"] == row.original.parameters
    assert 0.05 < found["seconds"] < HANG_S
    assert found["memory"] > 300
    text = line("wav2pix_64", row, "32", {**found, "seconds": 0.62}, keep=True)
    assert text.startswith("| wav2pix_64 | 32 | 0.62 | 25.8 faces | 18,118,310 |")
    assert text.endswith("| 1.24 | 2.00 | 910 |")


@pytest.mark.parametrize("name", ["face_encoder", "syncnet", pytest.param("wav2pix", marks=pytest.mark.slow)])
def test_precisions_are_compared_on_the_same_data(name, tmp_path):
    make_video_dataset(tmp_path / "videos/made", frames=300, size=32)
    house = House(tmp_path, 4, (str(tmp_path / "videos"), "made"))
    found = {precision: house.train(name, precision, 1) for precision in PRECISIONS}
    figure = TRIALS[name].shown[0]
    assert found["32"][figure] == pytest.approx(found["bf16"][figure], rel=0.1)
    assert found["32"][figure] != found["bf16"][figure]
    assert house.train(name, "32", 1) == found["32"], "what is trained is not trained again"


def test_forms_of_pictures_are_compared_on_one_person(tmp_path, capsys):
    data = make_video_dataset(tmp_path / "anna", frames=40, size=32)
    compare([str(data.path), "--updates=1", "--size=32"])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [row[0] for row in rows] == ["| jpeg", "| lossless", "| arrays"]
    assert float(rows[2][1]) == pytest.approx(8 * 32 * 32 * 1500 / 1e6, rel=0.05)
    assert [row[2] for row in rows[1:]] == ["99.0, 99.0"] * 2


def test_stages_are_timed_and_masks_compared(tmp_path):
    seconds: dict[str, tuple[float, float]] = {}
    stage = timed(Stage("cuts", 1, lambda bench, folder, tick: {"cuts": [sum(range(10**6))]}), seconds)
    assert stage.work(None, tmp_path, print) == {"cuts": [499999500000]}
    assert seconds["cuts"][0] > 0
    table = medians([{ALL: (3.0, 4.0)}, {ALL: (9.0, 1.0)}, {ALL: (5.0, 6.0)}], 0.5)
    assert table == {ALL: {"clock": 5.0, "cpu": 4.0, "loops": 8.0}}
    masks = np.zeros((2, 2, 32, 32), np.uint8)
    masks[0, :, :16], masks[1, 0, :16], masks[1, 1, :12] = 255, 255, 255
    for folder, of_folder in zip("ab", masks, strict=True):
        (tmp_path / folder / "parsing").mkdir(parents=True)
        for name in ("head", "neck", "torso"):
            with PictureWriter(tmp_path / folder / "parsing" / f"{name}_mask{SUFFIX}", (32, 32)) as out:
                for mask in of_folder:
                    out.add(mask)
    assert likeness(tmp_path / "a", tmp_path / "b")["head"] == (0.875, 0.75)


def test_an_update_is_told_apart_from_the_start_of_a_training():
    few, many = UPDATES
    start, update = split(Cost(10 + few * 0.5, 12 + few * 0.75), Cost(10 + many * 0.5, 12 + many * 0.75))
    assert start == pytest.approx((10, 12))
    assert update == pytest.approx((0.5, 0.75))


def test_a_ridge_finds_what_is_there():
    """Faces that follow from three known things and, more strongly, from one that is not known."""
    rng = np.random.default_rng(0)
    known, hidden = rng.uniform(-1, 1, (240, 3)), rng.uniform(-1, 1, (240, 1))
    axes = rng.normal(size=(4, 12))
    faces = known @ axes[:3] + 4 * hidden @ axes[3:]
    told = ridge(known[:200], known[:200] @ axes[:3], known[200:])
    np.testing.assert_allclose(told, known[200:] @ axes[:3], atol=0.05)
    found = nearest(known[:200], faces[:200], known[200:], faces[200:])
    assert (found == np.arange(40)).mean() > 0.9, "what is not known does not matter where it is not looked at"
    noise = nearest(rng.uniform(-1, 1, (200, 3)), faces[:200], known[200:], faces[200:])
    assert (noise == np.arange(40)).mean() < 0.3


def test_recognisers_are_compared_on_one_dataset(tmp_path, capsys):
    make_persons(tmp_path / "persons", 6, faces=3, val=0.5)
    verify(["--data", str(tmp_path / "persons"), "dlib"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 persons, 9 pictures"
    assert lines[-1].startswith("| dlib | ")


def test_a_chin_that_slides_with_the_nod_is_told_by_the_pose():
    time = np.arange(400) / 25
    nod, tune = np.sin(0.9 * time), np.sin(0.4 * time + 1)
    turn = np.stack([0.03 * nod, 0 * nod, 0 * nod], axis=1)
    place = np.stack([0 * nod, 0 * nod, -9 + 0 * nod], axis=1)
    poses = invert(make_transform(rotation_matrix(turn), place)).astype(np.float32)

    def found(chin):
        landmarks = np.zeros((400, 68, 3), np.float32)
        landmarks[:, 8, 1] = 0.2 * chin
        landmarks[:, 48:68, 1] = 0.1 * tune[:, None]
        return leak(CameraFit(poses, 900.0, landmarks, MEAN_FACE, np.zeros(400, np.float32), (0, 0), 512, 512))

    sliding, still = found(nod), found(tune)
    assert sliding["pitch"] == pytest.approx(np.degrees(0.03) * nod.std(), rel=0.1)
    assert sliding["chin"] == pytest.approx(0.2 * nod.std(), rel=0.1)
    assert sliding["chin_told"] > 0.99
    assert still["chin_told"] == pytest.approx(still["mouth_told"], abs=1e-3)
    assert still["mouth_told"] < 0.5


def test_lower_faces_are_measured_for_their_own_mouth_and_for_another(tmp_path, monkeypatch):
    make_house(tmp_path)
    monkeypatch.chdir(tmp_path)
    task = load_task(Path("checkpoints/made/lm3d_nerf_portrait"))
    ids = task.footage.video.frame_ids("val")[:4]
    monkeypatch.setattr("tests.benchmarks.portrait.find_points", lambda _, picture: task.footage.landmarks_px[0])
    own, other = (measure_portrait(task, ids, spoken, None) for spoken in (ids, ids[::-1]))
    assert {"frame", "face", "mouth", "seam", "flicker", "new", "old", "ms"} <= set(own)
    assert own["old"] == 0
    assert own["frame"] > 15
    assert np.isfinite(list(other.values())).all()


def test_how_footage_is_played_is_judged_at_its_turns(tmp_path):
    judge = Judge(make_video_dataset(tmp_path / "made", frames=40, size=32))
    shown = np.array([5, 6, 7, 8, 7, 6, 7])
    assert shown[turns_of(shown)].tolist() == [8, 6]
    silence = (judge.rests[shown] > 0.5).astype(np.float32)
    figures = judge.figures(shown, silence)
    assert (figures["agree"], figures["back"]) == (1, 2 / 6)
    assert judge.figures(shown, 1 - silence)["agree"] == 0
    assert 0 < figures["steps, mean"] <= figures["steps, most"] <= 1
    assert judge.strip(shown, 3).shape == (32, 7 * 16, 3)


def test_another_sound_over_held_out_frames_is_read_back_from_the_film(tmp_path, monkeypatch, capsys):
    make_house(tmp_path)
    monkeypatch.chdir(tmp_path)
    points = TalkingHead.load("made", device="cpu").video.landmarks_px
    given = iter([*points[48:], *points[48:]])
    monkeypatch.setattr("tests.benchmarks.cross_driving.find_points", lambda *_: next(given))
    monkeypatch.setattr("tests.benchmarks.cross_driving.make_detector", lambda _: contextlib.nullcontext())
    drive(["made", "voice.wav", "--strips=strips"])
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == "made: held-out frames 48 to 59, mel"
    assert [row.split("  ")[0] for row in rows[2:]] == ["true", "voice, imagined", "voice, film"]
    least_most_and_eight = 10
    assert read_photo("strips/voice.png").shape == (64, least_most_and_eight * 32, 3)


def test_windows_in_which_nobody_speaks_are_told_apart(monkeypatch):
    """The first window begins at frame 15; here the sound is in step in all but those that touch a pause."""
    silence = np.zeros(60, np.float32)
    silence[40:50] = 1
    offsets = torch.tensor([0, 1, -1, 9, 9])  # windows from frames 15 to 19 on, to 39 to 43
    monkeypatch.setattr("tests.benchmarks.cross_driving.second_offsets", lambda *_: (offsets, offsets))
    judge = torch.nn.Module()
    judge.model = None
    figures = in_step(judge, None, np.zeros((60, 68, 3), np.float32), silence)
    assert figures == {"all": 0.6, "speech": 1.0, "offset": 1.0}


def test_every_person_is_once_unseen(tmp_path, monkeypatch, capsys):
    data = make_persons(tmp_path / "persons", 9, clips=1, faces=2, seconds=0.5)
    (tmp_path / "checkpoints").mkdir()  # else the runs would go into the checkout's
    monkeypatch.chdir(tmp_path)
    recipes = Path(__file__).resolve().parents[2] / "egs/datasets/face_voice"
    table = [f"{person.id},{number % 2}\n" for number, person in enumerate(data.persons)]
    (tmp_path / "kind.csv").write_text("".join(["person,label\n", *table]))
    few = [word for setting in ("max_updates=2", "val_check_interval=2") for word in ("--set", setting)]
    labels = {person.id: "" for person in data.persons}
    dealt = [FaceVoiceDataset(deal(data, tmp_path / "dealt", labels, part, 3)) for part in range(3)]
    unseen = [{fold.persons[entry].id for entry in fold.entries("val")} for fold in dealt]
    assert sorted(name for names in unseen for name in names) == sorted(labels)
    words = ["--data", "persons", "--folds", "2", "--only", "1", "--labels", "kind.csv", "--without", "p008"]
    fold_by_fold([*words, "--recipes", str(recipes), *few])
    told = capsys.readouterr().out
    assert told.endswith("4 persons, 4 sounds\n")
    lines = [line.split(" | ") for line in told.splitlines() if line.startswith("| R@")]
    rows = {line[0].strip("| "): line for line in lines}
    assert [rows[name][3] for name in ("R@1", "R@1 among the same kind")] == ["0.250 |", "0.500 |"]
    assert 0 <= float(rows["R@1"][1]) <= 1
    shards = [path for path in (tmp_path / "persons_folds").rglob("*.safetensors") if path.name.startswith("persons")]
    assert all(path.stat().st_nlink > 2 for path in shards), "linked, not copied"
