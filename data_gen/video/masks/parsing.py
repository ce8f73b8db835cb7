"""Tell head, neck and cloth from the background, frame by frame.

BiSeNet where its weights are (19 classes, non-commercial); GrabCut seeded by the landmarks everywhere else.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from data_gen.stages import Tick
from data_gen.video.job import ParserName, VideoJob
from data_gen.video.masks.bisenet import BiSeNetParser
from data_gen.video.masks.grabcut import GrabCutParser
from data_gen.video.masks.mend import mended
from data_gen.video.masks.parser import Masks, Parser
from data_gen.video.stage import Bench
from utils.arrays import Bytes, Reals
from utils.assets import asset_path, find_asset
from utils.errors import ConfigError, nearest
from utils.files.arrays import map_new_array
from utils.processes.workers import in_parallel

PARSING_VERSION = 4


def make_parser(name: ParserName | str = "auto") -> Parser:
    """Return a parser by name; `auto` is BiSeNet where its weights are, GrabCut otherwise.

    Raises:
        AssetError: BiSeNet was asked for and its weights are not here.
        ConfigError: no parser has that name.
    """
    choices = get_args(ParserName)
    if name not in choices:
        near = nearest(name, choices)
        hint = f"Did you mean '{near}'? " if near else ""
        raise ConfigError(f"No face parser is called '{name}'. {hint}Known: {', '.join(choices)}.")
    if parser_name(name) == "grabcut":
        return GrabCutParser()
    return BiSeNetParser(asset_path("face_parsing"))


def parser_name(name: str) -> str:
    """Return which parser a name means on this machine."""
    return name if name != "auto" else "grabcut" if find_asset("face_parsing") is None else "bisenet"


def parsing_settings(job: VideoJob) -> dict[str, Any]:
    """Return which parser the job's word means on this machine, so that new weights make the stage new."""
    return {"source": parser_name(job.parsing)}


def parsing_stage(bench: Bench, folder: Path, tick: Tick) -> dict[str, Any]:
    """Write the masks of all frames."""
    points = bench.arrays("landmarks")["points_px"]
    parser = make_parser(bench.job.parsing)
    return parse_frames(bench.array("convert", "frames"), points, parser, folder, tick, bench.cuts(), bench.kept())


def parse_frames(
    frames: Bytes,
    points_px: Reals,
    parser: Parser,
    folder: Path,
    tick: Tick,
    cuts: list[int],
    kept: NDArray[np.bool_] | None = None,
) -> dict[str, Any]:
    """Write head_mask.npy, neck_mask.npy and torso_mask.npy (neck and cloth), each (T, H, W) uint8, into `folder`.

    Frames that are not `kept` (T,) have empty masks and do not count.

    Returns what share of the picture head, torso and neck cover, per frame and on average.
    """
    count, height, width = frames.shape[:3]
    head, neck, torso = (
        map_new_array(folder / f"{name}_mask.npy", (count, height, width)) for name in ("head", "neck", "torso")
    )

    usable = np.ones(count, bool) if kept is None else kept
    nothing = np.zeros((height, width), np.uint8)

    def one(index: int) -> Masks:
        if not usable[index]:
            return Masks(nothing, nothing, nothing)
        return mended(parser.parse(np.array(frames[index]), points_px[index]), points_px[index])

    for index, masks in enumerate(in_parallel(one, range(count))):
        head[index], neck[index] = masks.head, masks.neck
        torso[index] = np.minimum(masks.neck.astype(np.uint16) + masks.cloth, 255)
        tick(index + 1, count)
    if parser.smoothing_frames > 0:
        for array in (head, neck, torso):
            _smooth(array, parser.smoothing_frames, cuts)
    shares = {}
    for name, array in (("head", head), ("neck", neck), ("torso", torso)):
        share = np.array([float(array[index].mean()) / 255 for index in np.flatnonzero(usable)])
        shares[name] = {"mean": float(share.mean()), "least": float(share.min()), "most": float(share.max())}
        array.flush()
    return {"source": parser.name, "shares": shares}


def _smooth(masks: Bytes, sigma: float, cuts: list[int]) -> None:
    """Smooth masks along time in place, within shots, holding only a window of them."""
    reach = int(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    edges = [0, *cuts, len(masks)]
    for start, stop in itertools.pairwise(edges):
        window = {index: masks[index].astype(np.float32) for index in range(start, min(start + reach, stop))}
        for index in range(start, stop):
            if index + reach < stop:
                window[index + reach] = masks[index + reach].astype(np.float32)
            window.pop(index - reach - 1, None)
            near = [(weights[other - index + reach], mask) for other, mask in window.items()]
            total = sum(weight for weight, _ in near)
            masks[index] = np.round(sum(weight * mask for weight, mask in near) / total).astype(np.uint8)
