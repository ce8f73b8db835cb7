"""Nothing of the user's is deleted or overwritten: the attacks that once did it, and what is done instead."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from data_gen import run as data_door
from data_gen.clips.shard_writer import ClipShardWriter
from data_gen.face_voice.writer import FaceVoiceWriter, MadePerson
from data_gen.video.dataset import VideoDataset
from data_gen.video.pipeline import VideoJob, process_video
from tasks import export_checkpoint, import_checkpoint, run, talking_head
from tasks.core.commands import refuse_inputs_as_outputs
from tasks.core.run_folder import set_aside
from tests.made import make_video_dataset, write_tone
from tests.made_faces import make_faces, make_recogniser, make_speakers
from tests.made_heads import make_house
from utils.errors import ConfigError, DataError
from utils.files.digests import sha256
from utils.files.ownership import refuse_input_as_output
from utils.media.video import VideoWriter
from utils.visualization import contact_sheet, lm_visualizer

CHECKPOINT = "checkpoints/made/postnet/model_ckpt_steps_1.ckpt"


def census(folder: Path) -> dict[str, str]:
    """Return the digest of every file under a folder."""
    return {str(path.relative_to(folder)): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def lost(before: dict[str, str], folder: Path) -> list[str]:
    """Return which files are gone or changed since."""
    now = census(folder)
    return [name for name, digest in before.items() if now.get(name) != digest]


def silent_video(path: Path) -> Path:
    """Write 2.4 s of a picture without a voice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, 64, 64, 25, np.zeros(38_400, np.float32)) as writer:
        for _ in range(60):
            writer.write(np.full((64, 64, 3), 90, np.uint8))
    return path


@pytest.fixture
def house(tmp_path, monkeypatch) -> Path:
    """Go into a folder with a person's video and five small runs."""
    monkeypatch.chdir(make_house(tmp_path))
    return tmp_path


@pytest.fixture
def saved(house) -> Path:
    """Write config.yaml beside the checkpoints, as training does."""
    import yaml

    for folder in Path("checkpoints/made").iterdir():
        kept = torch.load(folder / "model_ckpt_steps_1.ckpt", weights_only=True)["vizeme"]["recipe"]
        (folder / "config.yaml").write_text(yaml.safe_dump(kept))
    return house


def test_pairs_never_replace_a_folder_of_the_users(tmp_path):
    speakers = make_speakers(tmp_path / "speakers", takes=3)
    docs = tmp_path / "docs"
    (docs / "sub").mkdir(parents=True)
    (docs / "thesis.txt").write_text("years")
    (docs / "sub" / "photo.jpg").write_bytes(b"photo")
    before = census(tmp_path)
    words = ["wav2pix", "--pairs", str(speakers), "--image_size", "32", "--out"]
    with pytest.raises(DataError, match=r"docs holds what this command did not make \(sub\)"):
        data_door.main([*words, str(docs)])
    for place in (speakers, tmp_path):
        with pytest.raises(ConfigError, match="holds what is read"):
            data_door.main([*words, str(place)])
    assert not lost(before, tmp_path)
    for _ in range(2):  # a new folder, and one of ours again
        assert data_door.main([*words, str(tmp_path / "pairs")]) == 0
    assert not lost(before, tmp_path)


def test_a_marker_of_somebody_else_proves_nothing(tmp_path):
    speakers = make_speakers(tmp_path / "speakers", takes=3)
    out = tmp_path / "mine"
    out.mkdir()
    (out / "meta.json").write_text('{"format": "my own"}')
    with pytest.raises(DataError, match=r"meta\.json lies where this command writes"):
        data_door.main(["wav2pix", "--pairs", str(speakers), "--image_size", "32", "--out", str(out)])
    assert (out / "meta.json").read_text() == '{"format": "my own"}'


def test_shards_leave_alone_what_is_called_alike(tmp_path):
    clips, persons = tmp_path / "clips", tmp_path / "persons"
    for folder, prefix in ((clips, "clips"), (persons, "persons")):
        (folder / f"{prefix}-raw").mkdir(parents=True)
        (folder / f"{prefix}-raw" / "a.mp4").write_bytes(b"footage")
        (folder / f"{prefix}-notes.json").write_text("{}")
        (folder / f"{prefix}-00007.json").mkdir()
        (folder / ".mine.part").mkdir()
    (clips / "parts").mkdir()
    (clips / "parts" / "list of parts.txt").write_text("mine")
    before = census(tmp_path)
    (clips / "clips-00009.json").write_text("{}")  # of a corpus that was longer
    writer = ClipShardWriter(clips, {"mel": 80})
    part = {"landmarks": np.zeros((30, 68, 3), np.float32), "mel": np.zeros((60, 80), np.float32)}
    writer.write_part("a" * 64, {**part, "pitch_hz": np.zeros(60, np.float32)})
    writer.salvage({"a" * 64}, set())
    writer.write(0, [("a/1", "a", "a" * 64)], recipe="r")
    writer.finish(1)
    sound = ("a.wav", np.zeros(1600, np.float32))
    maker = FaceVoiceWriter(persons)
    maker.write(0, [MadePerson("anna", "", "train", [sound], [])], recipe="r")
    maker.finish(1)
    assert not lost(before, tmp_path)
    assert (clips / "clips-00007.json").is_dir()
    assert (clips / ".mine.part").is_dir()
    assert not (clips / "clips-00009.json").exists()


def test_templates_leave_the_photos_alone(tmp_path):
    make_faces(tmp_path / "faces-raw", people=3, photos=2)
    recogniser = make_recogniser(tmp_path / "little.onnx")
    (tmp_path / "out" / "faces-raw").mkdir(parents=True)
    (tmp_path / "out" / "faces-raw" / "a.jpg").write_bytes(b"photo")
    (tmp_path / "out" / "faces-notes.txt").write_text("mine")
    before = census(tmp_path)
    words = ["templates", "--recogniser", str(recogniser), "--aligned", "--faces"]
    assert data_door.main([*words, str(tmp_path / "faces-raw"), "--out", str(tmp_path / "out")]) == 0
    assert not lost(before, tmp_path)
    with pytest.raises(ConfigError, match="holds what is read"):
        data_door.main([*words, str(tmp_path / "faces-raw"), "--out", str(tmp_path)])


def test_a_video_that_is_refused_leaves_what_lay_in_its_folder(tmp_path):
    place = tmp_path / "processed" / "videos" / "May"
    video = silent_video(place / "May.mp4")
    (place / "gt_imgs").mkdir()
    (place / "gt_imgs" / "0.jpg").write_bytes(b"frame")
    (place / "transforms_train.json").write_text("{}")
    (place / ".notes.part").write_text("mine")
    before = census(tmp_path)
    with pytest.raises(DataError, match="is silent"):
        process_video(VideoJob("May", video, size=64, landmarks="dlib", parsing="grabcut", data_dir=tmp_path))
    assert not lost(before, tmp_path)
    assert set(census(tmp_path)) == set(before), "nothing of ours is left"


def test_a_video_that_is_stopped_leaves_what_lay_in_its_folder(tmp_path, monkeypatch):
    place = tmp_path / "processed" / "videos" / "May"
    video = silent_video(place / "May.mp4")
    (place / "transforms_train.json").write_text("{}")
    before = census(tmp_path)

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("data_gen.video.convert.make_detector", stop)  # the first stage is done by then
    with pytest.raises(KeyboardInterrupt):
        process_video(VideoJob("May", video, size=64, landmarks="dlib", parsing="grabcut", data_dir=tmp_path))
    assert not lost(before, tmp_path)


def test_a_stage_never_takes_the_place_of_a_folder_of_the_users(tmp_path):
    mine = tmp_path / "processed" / "videos" / "May" / "audio"
    mine.mkdir(parents=True)
    (mine / "audio.wav").write_bytes(b"recording")
    job = VideoJob("May", silent_video(tmp_path / "v.mp4"), size=64, parsing="grabcut", data_dir=tmp_path)
    with pytest.raises(DataError, match=r"audio\.wav lies where this command writes"):
        process_video(job)
    assert (mine / "audio.wav").read_bytes() == b"recording"


def test_a_dataset_made_again_keeps_what_was_put_beside_it(tmp_path):
    place = tmp_path / "May"
    make_video_dataset(place, frames=26, size=32)
    (place / "trainval_dataset.npy").write_bytes(b"published")
    (place / "papers").mkdir()
    (place / "papers" / "consent.pdf").write_bytes(b"signed")
    before = {name: digest for name, digest in census(tmp_path).items() if "published" in name or "papers" in name}
    make_video_dataset(place, frames=28, size=32)
    assert len(VideoDataset(place)) == 28
    assert (place / "trainval_dataset.npy").read_bytes() == b"published"
    assert not lost(before, tmp_path)


def test_a_film_never_replaces_the_sound_that_it_is_made_of(saved):
    shutil.copy("voice.wav", "own.mp4")
    Path("link.mp4").symlink_to("own.mp4")
    before = census(saved)
    for out in ("own.mp4", "./own.mp4", "link.mp4"):
        with pytest.raises(ConfigError, match="is what is read"):
            talking_head.main(["infer", "made", "own.mp4", out, "--device=cpu"])
    with pytest.raises(ConfigError, match="is what is read"), VideoWriter("own.mp4", 32, 32, audio="own.mp4"):
        pass
    shutil.copy("voice.wav", "v.npy")
    for name in ("v.npy", "v"):
        with pytest.raises(ConfigError, match="--infer_out_npy_name"):
            run.main(["--config=checkpoints/made/postnet/config.yaml", "--infer",
                      "--infer_audio_source_name=v.npy", f"--infer_out_npy_name={name}"])  # fmt: skip
    assert not lost(before, saved)


def test_two_photos_of_one_name_give_two_faces(tmp_path):
    from tasks.speech_to_face.face_decoder import faces_to_write

    for name in ("a.jpg", "a.png", "b.jpg"):
        (tmp_path / name).write_bytes(b"x")
    targets = faces_to_write(tmp_path, Path("out"))
    assert sorted(path.name for path in targets.values()) == ["a.jpg.png", "a.png.png", "b.png"]


def test_faces_never_replace_their_photos(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"photo")
    settings = {"infer_image": str(tmp_path / "photos"), "infer_out_image_name": str(tmp_path / "photos" / ".")}
    with pytest.raises(ConfigError, match=r"--infer_out_image_name .* is what is read"):
        refuse_inputs_as_outputs(settings)


def test_a_contact_sheet_never_replaces_its_video(tmp_path):
    video = silent_video(tmp_path / "v.mp4").rename(tmp_path / "v.png")
    before = census(tmp_path)
    with pytest.raises(ConfigError, match="is what is read"):
        contact_sheet.main([str(video), str(video)])
    assert not lost(before, tmp_path)


def test_a_strangers_export_does_not_decide_where_is_written(saved, caplog):
    caplog.set_level("INFO")
    precious = saved / "home" / "precious.npy"
    precious.parent.mkdir()
    precious.write_text("my thesis")
    export_checkpoint.main(["made/postnet", "--out", "hp.safetensors"])
    with safe_open("hp.safetensors", framework="np") as opened:
        told = json.loads(opened.metadata()["vizeme"])
    told["recipe"] |= {"infer_out_npy_name": str(precious), "binary_data_dir": "/srv/secret"}
    save_file(load_file("hp.safetensors"), "hp.safetensors", {"vizeme": json.dumps(told)})
    import_checkpoint.main(["hp.safetensors", "--exp_name", "ex/po"])
    assert "left out: infer_out_npy_name" in caplog.text
    assert "left out: binary_data_dir" in caplog.text
    config = Path("checkpoints/ex/po/config.yaml").read_text()
    assert "precious" not in config
    assert "secret" not in config
    words = ["--config=checkpoints/ex/po/config.yaml", "--infer", "--infer_audio_source_name=voice.wav"]
    assert run.main([*words, "--binary_data_dir=data/binary/videos"]) == 0
    assert precious.read_text() == "my thesis"
    assert Path("infer_out/ex_po.npy").is_file()


def test_a_model_card_never_replaces_another_text(house):
    Path("anna.md").write_text("notes on anna")
    with pytest.raises(ConfigError, match=r"anna\.md lies where the model card goes"):
        export_checkpoint.main(["made/postnet", "--out", "anna.safetensors"])
    assert Path("anna.md").read_text() == "notes on anna"
    for _ in range(2):  # a card of ours is written anew
        export_checkpoint.main(["made/postnet", "--out", "berta.safetensors"])


def test_an_export_never_replaces_its_checkpoint(house):
    file = Path("checkpoints/made/postnet/model_ckpt_steps_1.ckpt")
    link = Path("out.safetensors")
    link.symlink_to(file)
    before = census(house / "checkpoints")
    with pytest.raises(ConfigError, match="is what is read"):
        export_checkpoint.main([str(file), "--out", str(link)])
    assert not lost(before, house / "checkpoints")


@pytest.mark.parametrize("name", ["made/..", "made/../made/..", "checkpoints", ".", ".."])
def test_a_reset_never_moves_all_runs(saved, name):
    before = census(saved)
    with pytest.raises(ConfigError, match="is the folder of all runs"):
        run.main(["--config=checkpoints/made/syncnet/config.yaml", f"--exp_name={name}", "--reset"])
    assert not lost(before, saved)


def test_a_reset_of_a_folder_of_runs_is_refused(saved):
    before = census(saved)
    with pytest.raises(ConfigError, match=r"checkpoints/made is no run; it holds runs \(.*postnet"):
        run.main(["--config=checkpoints/made/syncnet/config.yaml", "--exp_name=made", "--reset"])
    assert not lost(before, saved)


def test_a_reset_leaves_runs_inside_a_run_where_they_are(saved):
    inner = Path("checkpoints/made/syncnet/second")
    shutil.copytree("checkpoints/made/postnet", inner)
    write_tone(Path("checkpoints/made/syncnet/notes.wav"), np.zeros(16))
    set_aside(Path("checkpoints/made/syncnet"))
    assert (inner / "config.yaml").is_file()
    assert Path("checkpoints/made/syncnet/before_reset_1/model_ckpt_steps_1.ckpt").is_file()


@pytest.mark.parametrize(
    "words",
    [
        [talking_head, "check", "made", "--out=data/binary/videos/made/meta.json"],
        [export_checkpoint, "checkpoints/made/postnet", "--out=data/binary/videos/made/motion.safetensors"],
        [lm_visualizer, "--npy_name=v.npy", "--audio_name=", "--out_path=v.npy"],
        [lm_visualizer, "--npy_name=v.npy", "--audio_name=", "--out_path=data/binary/videos/made/frames.safetensors"],
        [lm_visualizer, "--npy_name=v.npy", "--audio_name=", f"--out_path={CHECKPOINT}"],
    ],
)
def test_no_output_replaces_a_part_of_a_dataset_or_a_run(house, words):
    np.save("v.npy", np.zeros((3, 68, 3), np.float32))
    before = census(house)
    with pytest.raises(ConfigError, match="Name another place"):
        words[0].main(words[1:])
    assert census(house) == before


def test_a_folder_that_is_not_ours_is_written_into_as_ever(tmp_path):
    (tmp_path / "meta.json").write_text('{"format": "mine"}')
    (tmp_path / "a.mp4").write_bytes(b"old")
    refuse_input_as_output(tmp_path / "a.mp4", [])
    (tmp_path / "meta.json").write_text('{"format": "vizeme-video"}')
    refuse_input_as_output(tmp_path / "new.mp4", [])
    with pytest.raises(ConfigError, match="part of a dataset"):
        refuse_input_as_output(tmp_path / "a.mp4", [])
