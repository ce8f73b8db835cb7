"""The report says what was measured, and how to mend what is not well."""

from __future__ import annotations

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
