"""Measure a person as the published talking heads are measured: whole held-out frames, driven by their sound alone.

The head speaks the held-out stretch with the footage's own poses and eyes; the mean of PSNR and of LPIPS (AlexNet) is
taken over whole frames, and LMD over the mouth's landmarks, each set less its own mean (the protocol of ER-NeRF,
SyncTalk, TalkingGaussian and InsTaG). As there, what is laid into true frames is held to true frames, and a head to the
frame with the background plate behind the person (their `gt_imgs`). How near it is to the frame as it was filmed, which
may move behind him, is told beside it. Figures of heads that are driven by the real landmarks are another thing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.person.evaluate import held_out, lips_said, speak_held_out, without_nan
from tasks.renderer.judging import Sharpness
from tasks.speaking.frames import seed_everything
from utils.arrays import Bytes, Floats, Ints, Reals
from utils.drawing.canvas import grid_of
from utils.faces.detector import LandmarkDetector, find_points
from utils.faces.detectors import make_detector
from utils.faces.landmarks import MOUTH, lip_gap
from utils.faces.lip_figures import Span, Stretch, lip_figures
from utils.files.tables import write_json
from utils.media.pictures import write_picture
from utils.metrics import concordance, correlation, psnr
from utils.progress import Progress
from utils.rates import FPS

if TYPE_CHECKING:
    from tasks.person.head import TalkingHead

SHEET_COLUMNS = 6
CLOSED = 0.1
"""The share of the real frames whose lips are nearest to each other counts as closed."""


LIPS = (
    "lmd_mouth", "lip_opening_correlation", "lip_opening_concordance", "lip_spread", "gap_at_closed_px",
    "mouth_sharpness",
)  # fmt: skip
"""What is measured of the mouth, besides `lip_figures`."""


@dataclass(frozen=True)
class Published:
    """What a paper says of a system on footage of its own choice."""

    system: str
    footage: str
    psnr: float
    lpips: float
    lmd_mouth: float


PUBLISHED = (
    Published("SyncTalk", "May, 4 min", 32.20, 0.0394, 2.822),
    Published("SyncTalk, portrait", "May, 4 min", 37.64, 0.0117, 2.825),
    Published("ER-NeRF, head", "Obama, 1-5 min", 35.61, 0.0178, 2.525),
    Published("ER-NeRF, with torso", "Obama, 1-5 min", 26.59, 0.0446, 2.550),
    Published("TalkingGaussian", "mean of four, 1-5 min", 33.61, 0.0259, 2.586),
    Published("GGTalker", "mean of four, with a prior", 35.20, 0.0281, 2.328),
    Published("InsTaG", "mean of four, 5 s", 28.86, 0.039, 3.167),
    Published("EmoTaG", "mean of four, 5 s", 30.02, 0.019, 2.221),
)
"""Figures from the systems' repositories and papers, on footage of theirs, at about 512 x 512."""


@dataclass
class Tally:
    """What is kept of one way to compose while its frames go by."""

    psnr: list[float] = field(default_factory=list)
    psnr_filmed: list[float] = field(default_factory=list)
    lpips: list[float] = field(default_factory=list)
    points_px: list[Floats] = field(default_factory=list)
    kept: list[Bytes] = field(default_factory=list)
    sharpness: Sharpness = field(default_factory=Sharpness)

    def figures(self, real: Tally, spans: Sequence[Span] | None = None) -> dict[str, float]:
        """Average, and compare the landmarks found and what is between the lips with those of the real frames.

        `spans` are where the lips meet, as `Stretch` has it.
        """
        points_px, real_px = np.stack(self.points_px), np.stack(real.points_px)
        has_face = np.isfinite(points_px).all(axis=(1, 2)) & np.isfinite(real_px).all(axis=(1, 2))
        drawn, true = points_px[has_face], real_px[has_face]
        values = {"psnr": float(np.mean(self.psnr)), "psnr_filmed": float(np.mean(self.psnr_filmed))}
        values["faces_found"] = float(has_face.mean())
        if self.lpips:
            values["lpips"] = float(np.mean(self.lpips))
        values |= lip_figures([Stretch(points_px, real_px, spans)])
        if not has_face.any():
            return values | dict.fromkeys(LIPS, float("nan"))
        gap, real_gap = lip_gap(drawn), lip_gap(true)
        sharpness = self.sharpness.against(real.sharpness)
        closed = real_gap <= np.quantile(real_gap, CLOSED)
        lips = (
            mouth_distance(drawn, true),
            correlation(gap, real_gap),
            concordance(gap, real_gap),
            float(gap.std() / max(float(real_gap.std()), 1e-6)),
            float(gap[closed].mean() - real_gap[closed].mean()),
            float("nan") if sharpness is None else sharpness,
        )
        return values | dict(zip(LIPS, lips, strict=True))


def mouth_distance(points_px: Reals, real_px: Reals) -> float:
    """Return the mean distance in pixels of mouth landmarks (T, 68, 2), each set less its own mean: LMD."""
    mouth, real = (p[:, MOUTH] - p[:, MOUTH].mean(axis=1, keepdims=True) for p in (points_px, real_px))
    return float(np.linalg.norm(mouth - real, axis=-1).mean())


def evaluate_as_peers(
    heads: Mapping[str, TalkingHead], video_id: str, folder: Path, *, frames: int, timings: Path | None = None
) -> dict[str, Any]:
    """Measure, print, and write `peers.json` and `peers.png`.

    Args:
        heads: How it is composed (portrait, head, full) -> the head that does it.
        video_id: Whom.
        folder: Where the files go.
        frames: At most so many frames of the longest held-out run.
        timings: When what is said in the video (`utils.sound.timings`), as far as that is known.
    """
    first = next(iter(heads.values()))
    ids = held_out(first, frames)
    spans = lips_said(first, ids, timings)
    seed_everything(first.seed)
    spoken = speak_held_out(first, ids)
    tallies = {"real": Tally(), **{name: Tally() for name in heads}}
    with make_detector("auto") as detector, Progress("held-out frames", len(heads) * len(ids)) as bar:
        for name, head in heads.items():
            _measure(head, ids, spoken, tallies, name, detector, bar)
    footage = first.renderer.footage
    learnt = first.video.frame_ids("train")
    report = {
        "video_id": video_id,
        "protocol": "whole frames, driven by the held-out sound, the footage's own poses and eyes",
        "size": [footage.height, footage.width],
        "train_seconds": len(learnt) / FPS,
        "test_frames": [int(ids[0]), int(ids[-1]) + 1],
        "audio_feature": first.postnet.cfg.audio_feature,
        "ours": {name: tallies[name].figures(tallies["real"], spans) for name in heads},
        "published": [vars(row) for row in PUBLISHED],
    }
    sheet = grid_of({name: t.kept for name, t in tallies.items()}, size=256)
    write_picture(folder / "peers.png", sheet, first.marks("comparison"))
    show(report, folder)
    report = without_nan(report)
    write_json(folder / "peers.json", report)
    return report


def _measure(
    head: TalkingHead,
    ids: Ints,
    spoken: Floats,
    tallies: dict[str, Tally],
    name: str,
    detector: LandmarkDetector,
    bar: Progress,
) -> None:
    """Draw landmarks (T, 68, 3) of held-out frames one way and note what they are like; real ones with the first."""
    footage, tally, real, portrait = head.renderer.footage, tallies[name], tallies["real"], name == "portrait"
    seed_everything(head.seed)
    pictures = head.renderer.render(head.video.carried(spoken, ids), footage.cameras[ids], ids, portrait=portrait)
    keep = set(np.linspace(0, len(ids) - 1, SHEET_COLUMNS).round().astype(int).tolist())
    look = len(real.points_px) < len(ids)
    for index, (frame, picture) in enumerate(zip(ids.tolist(), pictures, strict=True)):
        filmed = footage.picture("frames", frame)
        truth = filmed if portrait else footage.drawable(frame)
        tally.psnr.append(psnr(picture, truth))
        tally.psnr_filmed.append(psnr(picture, filmed))
        if (distance := head.renderer.lpips(picture, truth, None)) is not None:
            tally.lpips.append(distance)
        tally.points_px.append(find_points(detector, picture))
        tally.sharpness.see(picture, tally.points_px[-1])
        if look:
            real.points_px.append(find_points(detector, filmed))
            real.sharpness.see(filmed, real.points_px[-1])
        if index in keep:
            tally.kept.append(picture)
            if look:
                real.kept.append(filmed)
        bar.step()


def show(report: Mapping[str, Any], folder: Path) -> None:
    """Print the table: ours, then what is published."""
    start, stop = report["test_frames"]
    height, width = report["size"]
    print(f"{report['video_id']}: {report['train_seconds']:.0f} s learnt from, frames {start} to {stop - 1} held out,")
    print(f"{width} x {height}, {report['protocol']}; {report['audio_feature']}")
    head = f"{'':<22}{'PSNR':>7}{'filmed':>8}{'LPIPS':>8}{'LMD':>7}"
    print(f"{head}{'r':>7}{'CCC':>7}{'spread':>8}{'closed':>8}{'sharp':>7}{'meet':>7}{'wrong':>7}{'trem':>6}")
    for name, one in report["ours"].items():
        lips = f"{one['lip_opening_correlation']:7.2f}{one['lip_opening_concordance']:7.2f}{one['lip_spread']:8.2f}"
        lpips = f"{one['lpips']:8.4f}" if "lpips" in one else f"{'-':>8}"
        near = f"{one['psnr']:7.2f}{one['psnr_filmed']:8.2f}{lpips}{one['lmd_mouth']:7.2f}"
        print(f"{name:<22}{near}{lips}{one['gap_at_closed_px']:+8.2f}{one['mouth_sharpness']:7.2f}", end="")
        print(f"{one['closure_recall']:7.2f}{one['closed_wrongly']:7.2f}{one['trembling']:6.2f}")
    for row in report["published"]:
        near = f"{row['psnr']:7.2f}{'-':>8}{row['lpips']:8.4f}{row['lmd_mouth']:7.2f}"
        print(f"{row['system']:<22}{near}   {row['footage']}")
    print("Published figures are of their own footage, at about 512 x 512.", end=" ")
    print("filmed: PSNR with what moves behind the person too; a head is drawn before a still plate.", end=" ")
    print("closed: px that the lips are further apart than the real ones where those are shut;", end=" ")
    print("sharp: fineness between the lips (energy of the Laplacian), of the real one;", end=" ")
    print("meet: share of the real lips' closures in which they meet; wrong: share of frames of real lips", end=" ")
    print("apart in which they are shut; trem: acceleration of the mouth's points, of the real one.")
    print(f"{folder}/: peers.json, peers.png")
