"""The report says what was measured, and how to mend what is not well."""

from __future__ import annotations

import dataclasses

from data_gen.stages import Done
from data_gen.video.dataset import VideoDataset
from data_gen.video.job import STAGE_NAMES
from data_gen.video.report import checks_of
from utils.files.tables import read_json


def test_the_report_has_checks_times_and_pictures(done):
    job, _ = done
    folder = job.processed / "report"
    report = read_json(folder / "report.json")
    names = {check["name"]: check for check in report["checks"]}
    assert names["frames with a face"]["verdict"] == "pass"
    assert all(check["remedy"] for check in names.values() if check["verdict"] != "pass")
    assert set(report["seconds"]) >= {"convert", "landmarks", "camera", "parsing", "plate", "audio", "dataset"}
    assert (folder / "contact_sheet.png").stat().st_size > 10_000
    assert (folder / "curves.png").stat().st_size > 10_000
    assert "| reprojection error |" in (folder / "report.md").read_text()


def test_what_was_done_to_a_recording_is_said_and_what_is_left_out_with_its_times(done):
    job, made = done
    stages = {}
    for name in STAGE_NAMES[:-1]:
        folder = job.processed / name
        stages[name] = Done(name, folder, read_json(folder / "stage.json")["summary"], "", 0.0)
    data = VideoDataset(made.path)
    data.meta = data.meta.model_copy(update={"left_out": [(0, 10), (30, 40)], "cuts": [10, 30, 40]})

    def lines(**changes):
        changed = {
            name: dataclasses.replace(stages[name], summary=stages[name].summary | change)
            for name, change in changes.items()
        }
        return {check.name: check for check in checks_of(data, stages | changed)}

    plain = lines()
    assert plain["picture"].value == "440 x 360, 30 frames a second"
    gaps = "left out where there is none: from 0.0 to 0.4 s and from 1.2 to 1.6 s (0.8 s)"
    assert plain["frames with a face"].value.endswith(gaps)
    assert plain["length"].value == "1.6 s, 40 frames"
    treated = lines(
        probe={"start_s": 60.0},
        convert={
            "treatment": "HDR (HLG), tone-mapped to BT.709", "content_px": [0, 40, 440, 320], "filled": 0.25,
            "sizes": [[4.0, 640, 360]], "crop_px": [0, 80, 300, 380],
        },
        landmarks={"persons": "not told apart: no recogniser"},
    )  # fmt: skip
    assert treated["picture"].value == (
        "440 x 360, 30 frames a second; HDR (HLG), tone-mapped to BT.709; black bars cut off: 440 x 280 are left; the "
        "head fills the upright picture, so its sides (25% of the square) are painted; from 4.0 s on 640 x 360, scaled "
        "to the first size"
    )
    assert "from 60.0 to 60.4 s" in treated["frames with a face"].value
    assert (plain["picture"].verdict, treated["picture"].verdict) == ("pass", "warn")
    assert treated["persons"].verdict == "warn"
    if treated["head inside the picture"].verdict == "warn":
        assert "film with room" not in treated["head inside the picture"].remedy
