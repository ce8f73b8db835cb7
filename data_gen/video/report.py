"""Say how well a video came through: checks with remedies, a contact sheet, curves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from data_gen.stages import Done, Tick
from data_gen.video.check import Check, make_check, spread
from data_gen.video.dataset import VideoDataset
from data_gen.video.masks.judge import mask_checks
from data_gen.video.outliers import frames_told, odd_frames, pose_jumps
from data_gen.video.pictures import contact_sheet, draw_curves
from data_gen.video.sections.left_out import times_told
from data_gen.video.stage import Bench
from utils.faces.landmarks import eye_distance, mouth_opening
from utils.files.arrays import load_arrays
from utils.files.aside import write_aside
from utils.files.tables import write_json
from utils.media.pictures import write_picture
from utils.paths import as_typed
from utils.rates import FPS

REPORT_VERSION = 3
_MARKS = {"pass": "[green]pass[/green]", "warn": "[yellow]warn[/yellow]", "fail": "[red]fail[/red]"}


def checks_of(data: VideoDataset, stages: Mapping[str, Done]) -> list[Check]:
    """Judge a processed video."""
    said = {name: done.summary for name, done in stages.items()}
    return [
        *_material(data, said),
        *_outliers(data, said),
        *_geometry(data, said),
        *_pictures(data, said),
        *mask_checks(data, said["parsing"]),
        *_sound(said),
    ]


def _material(data: VideoDataset, said: Mapping[str, dict[str, Any]]) -> list[Check]:
    seconds = len(data) / FPS
    share = said["landmarks"]["found"]
    shots = data.shots()
    longest = max(stop - start for start, stop in shots) / FPS
    cuts = data.meta.cuts
    times = ", ".join(f"{cut / FPS:.2f}" for cut in cuts[:6]) + (", ..." if len(cuts) > 6 else "")
    gaps = [[said["probe"]["start_s"] + frame / FPS for frame in run] for run in data.meta.left_out]
    lost = sum(stop - start for start, stop in gaps)
    left_out = f"; left out where there is none: {times_told([(a, b) for a, b in gaps])} ({lost:.1f} s)" if gaps else ""
    seconds -= lost
    persons = said["landmarks"].get("persons", "one")
    return [
        picture_check(said["convert"]),
        make_check(
            "length",
            f"{seconds:.1f} s, {len(data.frame_ids())} frames",
            seconds >= 60,
            "3 to 6 minutes teach a face far better; 1 minute works.",
        ),
        make_check(
            "frames with a face",
            f"{share:.1%}{left_out}",
            share >= 0.99,
            "Missing ones were interpolated; cut those parts out if they flicker.",
        ),
        make_check(
            "persons",
            persons,
            persons == "one",
            "Look at the contact sheet: every shot must show the same person.",
        ),
        make_check(
            "cuts",
            f"{len(cuts)}" + (f" at {times} s" if cuts else "") + f"; longest shot {longest:.1f} s",
            longest >= 2.5 or not cuts,
            "Shots this short leave little room for windows; use footage with fewer cuts.",
        ),
    ]


def picture_check(convert: dict[str, Any]) -> Check:
    """Say what the video's pictures were, and what was done to them before the face was cut out."""
    high, wide = convert["source_height"], convert["source_width"]
    words = [f"{wide} x {high}, {convert['source_fps']:g} frames a second"]
    words += [convert["treatment"]] if convert.get("treatment") else []
    left, top, right, bottom = convert.get("content_px", (0, 0, wide, high))
    if (right - left, bottom - top) != (wide, high):
        words.append(f"black bars cut off: {right - left} x {bottom - top} are left")
    if filled := convert.get("filled", 0.0):
        words.append(f"the head fills the upright picture, so its sides ({filled:.0%} of the square) are painted")
    sizes = convert.get("sizes", [])
    words += [f"from {time_s:.1f} s on {w} x {h}, scaled to the first size" for time_s, w, h in sizes[:4]]
    words += [f"{len(sizes)} sizes in all"] if len(sizes) > 4 else []
    remedy = "Parts of it have fewer pixels: record at one size, or use the best part (--start_s, --duration_s)."
    return make_check("picture", "; ".join(words), not sizes, remedy)


def _outliers(data: VideoDataset, said: Mapping[str, dict[str, Any]]) -> list[Check]:
    strange = said["landmarks"].get("outlier_frames", [])
    jumps = pose_jumps(data.world_from_camera, data.meta.cuts)
    ids = data.frame_ids()
    odd = ids[odd_frames(data.landmarks[ids])]
    jumps = jumps[data.kept[jumps]]
    most = 0.01 * len(data)

    def check(name: str, frames: Sequence[int] | np.ndarray, remedy: str, *, bad: bool = False) -> Check:
        places = f"{len(frames)}: {frames_told(frames)}" if len(frames) else "none"
        return make_check(name, places, not len(frames), remedy, bad=bad)

    return [
        check("landmarks off the face", strange, "They were bridged. Look at the footage there: a hand, another face?"),
        check(
            "head jumps",
            jumps,
            "No head moves so: a cut that was not found, or another face. Cut the video there and leave the part out.",
            bad=len(jumps) > most,
        ),
        check(
            "faces unlike the others",
            odd,
            "The landmarks there are no shape of this face: leave those parts out of the video.",
            bad=len(odd) > most,
        ),
    ]


def _geometry(data: VideoDataset, said: Mapping[str, dict[str, Any]]) -> list[Check]:
    camera = said["camera"]
    scale = data.meta.width / 512
    error = camera["reprojection_px"]
    jitter = (camera["patch_jitter_px"] or camera["pose_jitter_px"])[1]
    opening = mouth_opening(data.landmarks)
    low, high = np.percentile(opening, [2, 98])
    return [
        make_check(
            "reprojection error",
            f"{error:.2f} px",
            error <= 0.5 * max(1, scale),
            "The landmarks do not fit one face well: is it the same person throughout, lit well and in focus?",
        ),
        make_check(
            "pose jitter",
            f"{jitter:.2f} px",
            jitter <= 0.25 * max(1, scale),
            "The head will tremble a little; footage with less noise and compression helps.",
        ),
        make_check(
            "lip opening",
            f"{low:.2f} to {high:.2f} tenths of an eye distance",
            high - low >= 0.8,
            "The mouth hardly moves: is the person speaking, and near enough to see it?",
        ),
    ]


def _pictures(data: VideoDataset, said: Mapping[str, dict[str, Any]]) -> list[Check]:
    crop = said["convert"]["crop_px"]
    side = crop[2] - crop[0]
    top = float(np.mean([data.head_mask[index, :2].mean() for index in spread(data, 40)])) / 255
    content = said["convert"].get("content_px", (0, 0, 0, 0))
    background = said["plate"]["background_seen"]
    eyes = float(np.median(eye_distance(data.landmarks_px)))
    suggested = max(64, side // 32 * 32)
    return [
        make_check(
            "sharpness",
            f"{side} px of the video make {data.meta.width}; focus {focus(data):.0f}",
            side >= 0.9 * data.meta.width,
            f"The pictures are enlarged; --size {suggested} loses nothing and is quicker.",
        ),
        make_check(
            "face size",
            f"{eyes:.0f} px between the eyes",
            eyes >= 0.09 * data.meta.width,
            "The face is small in the picture: frame it closer.",
        ),
        make_check(
            "head inside the picture",
            f"{top:.0%} of the top row is hair",
            top < 0.2,
            "The crown is cut off: film with room above it."
            if crop[1] <= content[1]
            else "There is more room above in the video than this crop has: run the command again with --redo convert.",
        ),
        make_check(
            "background",
            f"{background:.0%} of the plate was seen",
            background >= 0.3,
            "Most of the plate is a guess; it shows only when the head moves further than it did here.",
        ),
    ]


def _sound(said: Mapping[str, dict[str, Any]]) -> list[Check]:
    sync, audio = said["sync"], said["audio"]
    late = sync["frames"]
    if not sync["measurable"]:
        value = f"not measurable (peak {sync['peak']:.2f}, chance {sync['rest']:.2f}); nothing was corrected"
        remedy = "Too little speech, or the sound is not this mouth's. Check by eye that they belong together."
        offset = Check("sound against lips", value, "warn", remedy)
    else:
        word = "late" if late > 0 else "early"
        done = "corrected" if audio["late_frames"] else "left as it is"
        value = f"{abs(late):.1f} frames {word} (give or take {sync['uncertainty']:.1f}); {done}"
        offset = Check("sound against lips", value, "pass")
    return [
        offset,
        make_check(
            "speech",
            f"voiced {audio['voiced']:.0%}, peak {audio['peak']:.2f}, clipped {audio['clipped']:.2%}; speech at "
            f"{audio['speech_db']:.0f} dB, noise at {audio['noise_db']:.0f} dB, {audio['gain_db']:+.0f} dB were given"
            + (f"; {heard}" if (heard := said["probe"].get("heard")) else ""),
            audio["voiced"] >= 0.2 and audio["clipped"] < 0.001,
            "Little voice, or a clipped recording: use cleaner speech without music.",
        ),
        Check("audio features", ", ".join(f"{name} {width}" for name, width in audio["features"].items()), "pass"),
    ]


def focus(data: VideoDataset) -> float:
    """Return the variance of the Laplacian inside the face, the median of some frames; below 20 is soft."""
    import cv2

    values = []
    for index in spread(data, 20):
        x0, y0, x1, y1 = np.clip(data.face_box_px[index], 0, data.meta.width).astype(int)
        face = data.frames[index, y0:y1, x0:x1]
        if face.size:
            values.append(float(cv2.Laplacian(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var()))
    return float(np.median(values)) if values else 0.0


def report_stage(bench: Bench, folder: Path, tick: Tick) -> dict[str, Any]:
    """Judge the dataset and write what was found."""
    return write_report(VideoDataset(bench.job.binary), dict(bench.done), folder)


def write_report(data: VideoDataset, stages: Mapping[str, Done], folder: Path) -> dict[str, Any]:
    """Write report.md, report.json, contact_sheet.png and curves.png into `folder`; return what report.json holds."""
    checks = checks_of(data, stages)
    seconds = {name: done.seconds for name, done in stages.items()}
    total = sum(seconds.values())
    result = {
        "id": data.meta.id,
        "frames": len(data),
        "duration_s": len(data) / FPS,
        "checks": [dataclasses.asdict(check) for check in checks],
        "seconds": seconds,
        "seconds_total": total,
        "times_length": total / (len(data) / FPS),
        "cuts_s": [cut / FPS for cut in data.meta.cuts],
        "av_offset_frames": stages["sync"].summary["frames"],
    }
    write_json(folder / "report.json", result)
    write_picture(folder / "contact_sheet.png", contact_sheet(data))
    changes = load_arrays(stages["cuts"].folder / "arrays.safetensors")["changes"]
    reprojection = load_arrays(stages["camera"].folder / "arrays.safetensors")["reprojection_px"]
    draw_curves(data, stages["sync"].summary, changes, reprojection, folder / "curves.png")
    with write_aside(folder / "report.md") as aside:
        aside.write_text(_markdown(result), encoding="utf-8")
    return result


def _markdown(result: dict[str, Any]) -> str:
    lines = [f"# {result['id']}: {result['duration_s']:.1f} s, {result['frames']} frames", ""]
    lines += ["| check | found | verdict | remedy |", "|---|---|---|---|"]
    lines += [f"| {c['name']} | {c['value']} | {c['verdict']} | {c['remedy']} |" for c in result["checks"]]
    lines += ["", "| stage | seconds |", "|---|---|"]
    lines += [f"| {name} | {seconds:.1f} |" for name, seconds in result["seconds"].items()]
    lines += [f"| all | {result['seconds_total']:.1f} ({result['times_length']:.1f} times the video's length) |", ""]
    return "\n".join([*lines, "![contact sheet](contact_sheet.png)", "", "![curves](curves.png)", ""])


def print_report(result: dict[str, Any], video_id: str, folder: Path, console: Console) -> None:
    """Print the checks as a table, then where the pictures are and the next command."""
    table = Table(title=f"{video_id}: {result['duration_s']:.1f} s, {result['frames']} frames", title_justify="left")
    for column in ("check", "found", "", "remedy"):
        table.add_column(column)
    for check in result["checks"]:
        table.add_row(check["name"], check["value"], _MARKS[check["verdict"]], check["remedy"])
    stages = ", ".join(f"{name} {seconds:.0f}" for name, seconds in result["seconds"].items() if seconds >= 0.5)
    table.add_row("seconds", f"{result['seconds_total']:.0f} ({result['times_length']:.1f} x length)", "", stages)
    console.print(table)
    console.out(f"report    {folder / 'report.md'}\npictures  {folder / 'contact_sheet.png'}", highlight=False)
    console.out(as_typed(f"next      bash scripts/train_talking_head.sh {video_id}"), highlight=False)
