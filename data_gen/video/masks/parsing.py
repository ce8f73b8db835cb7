"""Tell head, neck and cloth from the background, frame by frame.

BiSeNet where its weights are (19 classes, non-commercial); GrabCut seeded by the landmarks everywhere else.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from data_gen.stages import Tick
from data_gen.video.job import ParserName, VideoJob
from data_gen.video.masks.bisenet import BiSeNetParser
from data_gen.video.masks.carry import Carrier
from data_gen.video.masks.grabcut import GrabCutParser
from data_gen.video.masks.mend import mended
from data_gen.video.masks.parser import Parser
from data_gen.video.stage import Bench
from utils.arrays import Bytes, Floats, Reals
from utils.assets import asset_path, find_asset
from utils.errors import ConfigError, nearest
from utils.media.picture_file import SUFFIX, Pictures, PictureWriter
from utils.shots import shot_ranges

PARSING_VERSION = 4
NAMES = ("head", "neck", "torso")
_JUDGED = (0, 2)
"""Head and torso: of a neck that hardly shows two frames side by side may not agree."""


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
    return parse_frames(bench.pictures("convert", "frames"), points, parser, folder, tick, bench.cuts(), bench.kept())


def parse_frames(
    frames: Pictures,
    points_px: Reals,
    parser: Parser,
    folder: Path,
    tick: Tick,
    cuts: list[int],
    kept: NDArray[np.bool_] | None = None,
) -> dict[str, Any]:
    """Write the masks of head, neck, and torso (neck and cloth), each (T, H, W) uint8, into `folder`.

    Frames that are not `kept` (T,) have empty masks and do not count.

    Returns what share of the picture head, torso and neck cover, per frame and on average.
    """
    import cv2

    count, height, width = frames.shape[:3]
    usable = np.ones(count, bool) if kept is None else kept

    def one(index: int) -> Bytes:
        if not usable[index]:
            return np.zeros((height, width, len(NAMES)), np.uint8)
        masks = mended(parser.parse(np.array(frames[index]), points_px[index]), points_px[index])
        torso = np.minimum(masks.neck.astype(np.uint16) + masks.cloth, 255)
        return np.stack([masks.head, masks.neck, torso], axis=-1).astype(np.uint8)

    carried = Carrier(frames, one, parser.every, _JUDGED).masks(shot_ranges(count, cuts))
    shares = np.zeros((count, len(NAMES)))
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(PictureWriter(folder / f"{name}_mask{SUFFIX}", (height, width))) for name in NAMES]
        for index, masks in enumerate(smooth(carried, parser.smoothing_frames, [*cuts, count])):
            for file, mask in zip(files, cv2.split(masks), strict=True):
                file.add(np.asarray(mask, np.uint8))
            shares[index] = np.array(cv2.mean(masks)[: len(NAMES)]) / 255
            tick(index + 1, count)
    told = {
        name: {"mean": float(share.mean()), "least": float(share.min()), "most": float(share.max())}
        for name, share in zip(NAMES, shares[usable].T, strict=True)
    }
    return {"source": parser.name, "shares": told}


def smooth(masks: Iterator[Bytes], sigma: float, edges: list[int]) -> Iterator[Bytes]:
    """Smooth masks (H, W, N) along time as they come, within shots, holding only a window of them.

    Args:
        sigma: Of the Gaussian, in frames; with 0 they stay as they are.
        edges: The first frame of every new shot, and at last their number.
    """
    if sigma <= 0:
        yield from masks
        return
    reach = int(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    for start, stop in itertools.pairwise([0, *edges]):
        window: dict[int, Floats] = {}
        ahead = start
        for index in range(start, stop):
            while ahead < min(index + reach + 1, stop):
                window[ahead] = next(masks).astype(np.float32)
                ahead += 1
            window.pop(index - reach - 1, None)
            near = [(weights[other - index + reach], mask) for other, mask in window.items()]
            total = sum(weight for weight, _ in near)
            yield np.round(sum(weight * mask for weight, mask in near) / total).astype(np.uint8)
