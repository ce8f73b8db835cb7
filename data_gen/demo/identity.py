"""Made identities: the shape and colours of the portrait, and the voice, drawn together."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from data_gen.demo.portrait import CANVAS, Portrait, load_portrait
from data_gen.demo.speech import Voice
from utils.arrays import Bytes, Floats

_HIGH_VOICES = ("f2", "f3", "f5")
_LOW_VOICES = ("m1", "m3", "m7")


@dataclass(frozen=True)
class Looks:
    """How a made identity differs from the portrait; 0 everywhere is the portrait itself.

    Attributes:
        build: -1 slight to +1 heavy: width of the jaw, length of the face and of the nose.
        nose: -1 narrow to +1 broad.
        eyes: -1 small to +1 large.
        hair: -1 dark to +1 fair.
        hair_red: -1 ash to +1 red.
        skin: -1 dark to +1 pale.
        eye_colour: -1 brown to +1 blue.
    """

    build: float = 0.0
    nose: float = 0.0
    eyes: float = 0.0
    hair: float = 0.0
    hair_red: float = 0.0
    skin: float = 0.0
    eye_colour: float = 0.0


@dataclass(frozen=True)
class Identity:
    """Someone who looks and sounds always the same; see `make_identity`."""

    seed: int
    looks: Looks = field(default_factory=Looks)
    voice: Voice = field(default_factory=lambda: Voice(variant="f2", pitch=50, rate=150))

    def portrait(self) -> Portrait:
        """Return the identity's portrait."""
        return _reshape(self.looks) if self.looks != Looks() else load_portrait()


def make_identity(seed: int) -> Identity:
    """Draw an identity; 0 is the portrait itself.

    The rule that ties looks to voice, so that a network can learn one from the other:
    a heavier `build` lowers pitch (by 15 of espeak's steps each way) and formants (by 9 % each way), and above 0.15
    takes a low voice; larger `eyes` go with a livelier melody; fairer `hair` goes with faster speech; a broader `nose`
    chooses the timbre (which variant). Skin and eye colour are independent of the voice.
    """
    if seed == 0:
        return Identity(0)
    rng = np.random.default_rng([seed, 17])
    looks = Looks(*(float(v) for v in rng.uniform(-1, 1, 7)))
    variants = _LOW_VOICES if looks.build > 0.15 else _HIGH_VOICES
    voice = Voice(
        variant=variants[min(2, int((looks.nose + 1) * 1.5))],
        pitch=round(48 - 15 * looks.build),
        pitch_range=round(50 + 25 * looks.eyes),
        rate=round(150 + 22 * looks.hair),
        formant_scale=round(1 - 0.09 * looks.build, 3),
    )
    return Identity(seed, looks, voice)


@lru_cache(maxsize=8)
def _reshape(looks: Looks) -> Portrait:
    import cv2

    base = load_portrait()
    image = _colour(base, looks)
    points = base.landmarks_px.astype(np.float64)
    axis = np.arange(CANVAS) + 0.5
    x, y = np.meshgrid(axis, axis)
    grid = np.stack([x, y], -1)
    field_ = (_moved(grid.reshape(-1, 2), points, looks) - grid.reshape(-1, 2)).reshape(grid.shape).astype(np.float32)
    back = -field_
    base_map = (grid - 0.5).astype(np.float32)
    for _ in range(4):
        at = base_map + back
        back = -cv2.remap(field_, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    maps = base_map + back

    def pull(layer: Floats | Bytes) -> npt.NDArray[Any]:
        return np.asarray(
            cv2.remap(layer, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        )

    lips = []
    for rows in (base.upper_lip_px, base.lower_lip_px):
        curve = _moved(np.stack([axis, rows.astype(np.float64)], 1), points, looks)
        lips.append(np.interp(axis, curve[:, 0], curve[:, 1]).astype(np.float32))
    shut = base.lower_lip_px - base.upper_lip_px < 0.1
    shut = np.interp(axis, _moved(np.stack([axis, base.upper_lip_px], 1), points, looks)[:, 0], shut) > 0.5
    lips[1] = np.where(shut, lips[0], np.maximum(lips[0], lips[1]))
    return Portrait(
        image=np.asarray(pull(image), np.uint8),
        alpha=np.asarray(pull(base.alpha), np.float32),
        plate=base.plate,
        landmarks_px=_moved(points, points, looks).astype(np.float32),
        upper_lip_px=lips[0],
        lower_lip_px=lips[1],
        depth=np.asarray(pull(base.depth), np.float32),
    )


def _moved(at: npt.NDArray[np.floating], points: npt.NDArray[np.float64], looks: Looks) -> npt.NDArray[np.float64]:
    """Return where canvas points (P, 2) go when the face takes these looks."""
    eyes = points[36:42].mean(0), points[42:48].mean(0)
    unit = float(np.linalg.norm(eyes[1] - eyes[0]))
    centre = 0.5 * (eyes[0] + eyes[1])
    p = (at.astype(np.float64) - centre) / unit
    shift = np.zeros_like(p)

    def bell(cx: float, cy: float, rx: float, ry: float) -> npt.NDArray[np.float64]:
        return np.asarray(np.exp(-(((p[:, 0] - cx) / rx) ** 2) - ((p[:, 1] - cy) / ry) ** 2))

    jaw = bell(0, 1.45, 1.6, 0.75)
    shift[:, 0] += 0.17 * looks.build * p[:, 0] * jaw
    shift[:, 1] += 0.14 * looks.build * bell(0, 1.7, 1.5, 0.7)
    shift[:, 1] += 0.07 * looks.build * bell(0, 0.6, 0.5, 0.4)
    shift[:, 0] += 0.3 * looks.nose * p[:, 0] * bell(0, 0.62, 0.38, 0.3)
    for side in (-0.5, 0.5):
        eye = bell(side, 0.0, 0.36, 0.26)
        shift[:, 0] += 0.16 * looks.eyes * (p[:, 0] - side) * eye
        shift[:, 1] += 0.20 * looks.eyes * p[:, 1] * eye
    return (p + shift) * unit + centre


def _colour(base: Portrait, looks: Looks) -> Bytes:
    """Tint skin, hair and irises; teeth, clothes and room stay as they are."""
    import cv2

    lab = cv2.cvtColor(base.image, cv2.COLOR_RGB2LAB).astype(np.float32)
    skin, hair, iris = _masks(base, lab)
    lightness = lab[..., 0]
    lab[..., 0] += skin * (22 * looks.skin - (12 if looks.skin < 0 else 0) * -looks.skin) * (lightness / 200)
    lab[..., 1] += skin * -2.0 * looks.skin
    lab[..., 2] += skin * -4.0 * looks.skin
    lab[..., 0] += hair * (34 * looks.hair) * np.clip(lightness / 130, 0.25, 1.2)
    red, grey = max(0.0, looks.hair_red), 0.5 * max(0.0, -looks.hair_red) + 0.3 * max(0.0, -looks.hair)
    lab[..., 1:] -= (hair * min(0.7, grey))[..., None] * (lab[..., 1:] - np.array([129.0, 132.0]))
    lab[..., 1] += hair * 10 * red
    lab[..., 2] += hair * 6 * red
    blue = max(0.0, looks.eye_colour)
    lab[..., 0] += iris * 22 * blue
    lab[..., 2] += iris * -26 * blue
    lab[..., 1] += iris * (-6 * blue)
    return np.asarray(cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB))


def _masks(base: Portrait, lab: Floats) -> tuple[Floats, Floats, Floats]:
    """Return soft masks (N, N) of skin, hair and irises."""
    import cv2

    points, unit = base.landmarks_px, base.eye_distance_px
    rows = np.arange(CANVAS)[:, None] + 0.5
    hull = np.zeros((CANVAS, CANVAS), np.uint8)
    forehead = points[17:27] - [0, 0.42 * unit]
    outline = np.concatenate([points[:27], forehead]).astype(np.float32)
    cv2.fillConvexPoly(hull, cv2.convexHull(outline).astype(np.int32), 1)
    inner = cv2.erode(hull, np.ones((9, 9), np.uint8)) > 0
    face = lab[inner & (lab[..., 0] > 120)]
    mean, spread = face.mean(0), face.std(0) + np.array([14, 2.5, 3.0])
    unlike = (((lab - mean) / spread) ** 2)[..., 1:].sum(-1) + (np.minimum(lab[..., 0] - mean[0], 0) / 40) ** 2
    near = cv2.dilate(hull, np.ones((41, 41), np.uint8)).astype(np.float32)
    near[int(points[8, 1]) :, int(points[4, 0]) : int(points[12, 0])] = 1
    likely = np.exp(-0.5 * np.maximum(unlike - 2.0, 0)) * near * base.alpha
    # The fringe hangs down to just above the brows and is coloured much like skin.
    likely *= np.clip((rows - points[17:27, 1].mean() + 0.3 * unit) / (0.15 * unit), 0, 1)
    solid = cv2.GaussianBlur(inner.astype(np.float32), (0, 0), 5)
    below_brows = np.clip((rows - points[17:27, 1].mean() + 0.1 * unit) / (0.2 * unit), 0, 1)
    skin = np.maximum(likely, solid * below_brows)
    skin = cv2.GaussianBlur(skin.astype(np.float32), (0, 0), 1.5)
    iris = np.zeros((CANVAS, CANVAS), np.float32)
    for first in (36, 42):
        cv2.circle(iris, tuple(int(v) for v in points[first : first + 6].mean(0)), int(0.105 * unit), 1.0, -1)
        eye = points[first : first + 6].astype(np.int32)
        opened = np.zeros_like(iris)
        cv2.fillConvexPoly(opened, cv2.convexHull(eye), 1.0)
        skin = skin * (1 - cv2.GaussianBlur(opened, (0, 0), 1.5))
    teeth = (rows > base.upper_lip_px[None]) & (rows < base.lower_lip_px[None])
    skin = skin * (1 - cv2.GaussianBlur(teeth.astype(np.float32), (0, 0), 1.0))
    tinted = cv2.GaussianBlur(iris, (0, 0), 2) * np.clip((150 - lab[..., 0]) / 60, 0, 1)
    above = np.clip((points[4, 1] + 0.1 * unit - rows) / (0.2 * unit), 0, 1)
    bare = np.maximum(skin, cv2.GaussianBlur(inner.astype(np.float32), (0, 0), 3) * below_brows)
    hair = np.clip(base.alpha * above - 1.2 * bare, 0, 1).astype(np.float32)
    return skin, np.asarray(cv2.GaussianBlur(hair, (0, 0), 1.5), np.float32), tinted.astype(np.float32)
