"""Work out from photos what faces look like, and from their templates how much of it each asks for: in closed form."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from data_gen.templates.shards import TemplateShards
from modules.closed_form import principal, ridge
from modules.face_space import COLOURS, SHAPES, SIDE, FaceSpace, folded
from modules.faces.face_warp import displacement, to_normalised, warp_face
from utils.errors import DataError
from utils.faces.dlib_detector import DlibDetector
from utils.faces.landmarks import MIRROR
from utils.progress import Progress

MOST_PHOTOS = 3000
"""Photos it is worked out from, spread evenly: half a gigabyte, and some two CPU minutes."""
COARSE = 28
"""Side of the grid on which shapes are compared; they are smooth."""
RIDGE = 1.0
"""Softens the regression, per squared length of a template."""
EXAGGERATED = 1.5
"""How much more of each component is made than the regression says, which shrinks towards the mean face (measured:
recognisers know such faces better)."""
SOFT = 1e-2
"""How little the warp heeds a single landmark that is off."""


def fit_face_space(network: FaceSpace, shards: TemplateShards, *, normalize: bool) -> None:
    """Give a network its components and the linear part of what a template asks for.

    Every photo is warped to the mean shape, so that eyes lie on eyes and colours do not blur; photo and mirror image
    count alike, and a photo the less the more the head is turned. Components are principal ones, the linear part is a
    ridge regression.

    Args:
        network: What is filled.
        shards: Photos and templates; the training people's are read.
        normalize: Bring templates to length 1 first, as the task does.

    Raises:
        DataError: There are fewer than three photos.
    """
    count = shards.count("train")
    numbers = np.unique(np.linspace(0, count - 1, min(count, MOST_PHOTOS)).round().astype(np.int64))
    if len(numbers) < 3:
        raise DataError(f"{shards.path} has {len(numbers)} photo(s) to learn from: network = face_space wants three.")
    templates = torch.from_numpy(shards.templates("train", numbers)[0])
    templates = F.normalize(templates, dim=1) if normalize else templates
    detector, points, crops = DlibDetector(), [], []
    with Progress("shapes of faces", len(numbers)) as progress:
        for number in numbers:
            crops.append(shards.read("train", int(number)).crop)
            points.append(detector.in_crop(crops[-1]))
            progress.step(1)
    shapes = to_normalised(torch.from_numpy(np.stack(points)), SIDE)
    mirror = shapes[:, torch.from_numpy(MIRROR)] * shapes.new_tensor([-1.0, 1.0])
    turned = ((shapes - mirror) / 2).square().mean(dim=(1, 2))
    weights = 1 / (1 + (turned / turned.median().clamp(min=1e-12)).square())
    straight = (shapes + mirror) / 2
    mean = torch.einsum("n,npc->pc", weights / weights.sum(), straight)
    half, flows = torch.empty(len(crops), 3 * SIDE * SIDE // 2), torch.empty(len(crops), 2 * COARSE * COARSE)
    with Progress("colours of faces", len(crops)) as progress:
        for begin in range(0, len(crops), 64):
            part = slice(begin, begin + 64)
            photos = torch.from_numpy(np.stack(crops[part])).permute(0, 3, 1, 2).float() / 127.5 - 1
            middle = mean.expand(len(photos), -1, -1)
            half[part] = folded(warp_face(photos, shapes[part], middle, ridge=SOFT))
            flow = displacement(middle, straight[part], torch.Size((COARSE, COARSE)), ridge=SOFT, stride=1)
            flows[part] = flow.permute(0, 3, 1, 2).flatten(1)
            progress.step(len(photos))
    colours, moves = principal(half, weights, COLOURS), principal(flows, weights, SHAPES)
    amounts = torch.cat([colours.amounts, moves.amounts], dim=1)
    deviations = torch.cat([colours.deviations, moves.deviations])
    slopes, offset = ridge(templates, amounts, weights, RIDGE * float(templates.square().sum(dim=1).mean()))
    shares = torch.where(deviations > 0, EXAGGERATED / deviations.clamp(min=1e-12), 0)
    with torch.no_grad():
        network.mean_colours.copy_(colours.mean)
        network.colours.copy_(colours.directions)
        network.mean_shape.copy_(_fine(moves.mean[None])[0])
        network.shapes.copy_(_fine(moves.directions))
        network.deviations.copy_(deviations)
        network.straight.weight.copy_((slopes * shares).T)
        network.straight.bias.copy_(offset * shares)


def _fine(flows: Float[Tensor, "B _D"]) -> Float[Tensor, "B _E"]:
    """Bring flows from the coarse grid to every pixel, x and y side by side."""
    maps = flows.view(-1, 2, COARSE, COARSE)
    fine = F.interpolate(maps, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    return fine.permute(0, 2, 3, 1).flatten(1)
