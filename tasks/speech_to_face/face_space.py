"""Work out of persons' photos along which directions faces are told by a voice, and what face lies there."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from data_gen.face_voice.dataset import FaceVoiceDataset
from modules.closed_form import canonical, principal
from modules.speech_to_face.face_space import SIDE, SpaceDecoder, SpaceEncoder
from tasks.speech_to_face.data import FaceSource, mirrored
from tasks.speech_to_face.features import measured_of
from utils.errors import DataError
from utils.progress import Progress

MOST_PHOTOS = 3000
"""Photos that directions are worked out from, spread evenly."""
SHAPES, COLOURS = 30, 100
"""Components of shapes and of colours among which directions are looked for."""
SOUNDS = 150
"""Components of what is measured of voices."""
EXAGGERATED = 1.5
"""How much more of a face is drawn than the regression says, which shrinks towards the mean face."""
RIDGE = 1e-2
"""Softens the sums, per photo."""


def fit_directions(space: SpaceEncoder, data: FaceVoiceDataset) -> list[float]:
    """Give a face encoder the directions in which faces follow voices, or without voices those that tell persons apart.

    They are canonical ones, longer the surer they are for persons left out: so that of two features the cosine says how
    likely it is that they are of one person.

    Returns:
        How sure each is: correlations (F,) of persons left out.

    Raises:
        DataError: There are fewer than three persons.
    """
    voices = bool(data.entries("train", voices=True))
    source = FaceSource(data, "train", 64, SIDE, voices=voices)
    count = len({data.numbers[entry] for entry in source.entries})
    if count < 3:
        raise DataError(f"{data.path} has {count} person(s) to learn from: network = face_space wants three.")
    described, persons, entries = [], [], []
    parts = source.parts(MOST_PHOTOS)
    with Progress("shapes and colours of faces", len(parts)) as bar, torch.no_grad():
        for part in parts:
            batch = source.read(part)
            described.append(space.describe(batch.images.to(space.mean), batch.landmarks.to(space.mean)))
            persons.append(batch.person)
            entries.append(batch.entry)
            bar.step()
    shapes, colours = (torch.cat(rows).cpu() for rows in zip(*described, strict=True))
    groups, entry = torch.cat(persons), torch.cat(entries)
    blocks = [_components(rows, most) for rows, most in ((shapes, SHAPES), (colours, COLOURS))]
    amounts = torch.cat([block[0] for block in blocks], dim=1)
    if voices:
        table = measured_of(data)
        sounds = torch.stack([table[int(e)].mean(0) for e in entry])
        others = _components((sounds - sounds.mean(0)) / sounds.std(0).clamp(min=1e-6), SOUNDS)[0]
    else:
        others = _other_photos(amounts, groups.unique(return_inverse=True)[1])
    directions, sure = canonical(amounts, others, groups, space.directions.shape[1])
    directions = directions * (sure / (1 - sure.square())).sqrt()
    space.middle.copy_(torch.cat([block[2] for block in blocks]))
    space.directions.copy_(torch.block_diag(*(block[1] for block in blocks)) @ directions)
    return [round(float(value), 3) for value in sure]


def _components(rows: Tensor, most: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return amounts (N, K) of the first components in units of the largest's deviation, axes (D, K), and the mean."""
    parts = principal(rows.clone(), torch.ones(len(rows)), most)
    size = parts.deviations[0].clamp(min=1e-9)
    return parts.amounts / size, parts.directions.T / size, parts.mean


def _other_photos(rows: Tensor, groups: Tensor) -> Tensor:
    """Return the mean of the other photos' rows of the same person, (N, K); where there is none, of all."""
    sums = torch.zeros(int(groups.max()) + 1, rows.shape[1]).index_add(0, groups, rows)
    others = torch.bincount(groups)[groups, None] - 1
    return torch.where(others > 0, (sums[groups] - rows) / others.clamp(min=1), rows.mean(0))


def fit_sums(decoder: SpaceDecoder, source: FaceSource, unwarp: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Give a face decoder what each number of the feature adds to landmarks and colours: a ridge regression.

    Photo and mirror image count alike. Nothing is kept of the photos, however many there are.

    Args:
        unwarp: Brings pictures (B, 3, S, S) with their landmarks (B, 68, 2) to the mean shape.
    """
    width = decoder.feature_dim + 1
    square, wanted = torch.zeros(width, width), torch.zeros(width, 2 * 68 + 3 * decoder.size**2)
    parts = source.parts(MOST_PHOTOS)
    with Progress("faces of a face space", len(parts)) as bar, torch.no_grad():
        for part in parts:
            batch = source.read(part)
            points = (batch.landmarks + mirrored(batch.landmarks)) / 2
            colours = unwarp(batch.images, batch.landmarks)
            colours = (colours + colours.flip(3)) / 2
            rows = torch.cat([torch.ones(len(points), 1), batch.feature], dim=1)
            square += rows.T @ rows
            wanted += rows.T @ torch.cat([points.flatten(1), colours.flatten(1)], dim=1)
            bar.step()
    softness = torch.full((width,), RIDGE * float(square[0, 0]))
    softness[0] = 0
    sums = torch.linalg.solve(square + softness.diag(), wanted)
    middle = sums[0] + square[0, 1:] / square[0, 0] @ sums[1:] * (1 - EXAGGERATED)
    slopes = EXAGGERATED * sums[1:]
    with torch.no_grad():
        for layer, of in ((decoder.landmarks, slice(0, 136)), (decoder.texture, slice(136, None))):
            layer.weight.copy_(slopes[:, of].T)
            layer.bias.copy_(middle[of])
