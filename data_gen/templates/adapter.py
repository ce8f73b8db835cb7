"""Bring one recogniser's templates to another's space: two commands, and the linear map between them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import ValidationError

from data_gen.templates.files import read_templates
from data_gen.templates.shards import Split, TemplateShards
from utils.arguments import Positional
from utils.arrays import Floats
from utils.config.schema import Config
from utils.errors import DataError
from utils.faces.recogniser import RecogniserId, units
from utils.files.array_file import ArrayFile
from utils.files.arrays import save_arrays
from utils.files.aside import write_aside
from utils.files.ownership import refuse_input_as_output
from utils.files.tables import write_json


class AdaptCommand(Config):
    """Fit a linear map between two recognisers' templates of the same photos.

        python data_gen/run.py adapt data/binary/one data/binary/two adapter.safetensors
    """

    source: Annotated[Path, Positional()]
    """folder of templates to bring over"""
    target: Annotated[Path, Positional()]
    """folder of templates of the same photos by the other recogniser"""
    out: Annotated[Path, Positional()]
    """the adapter, .safetensors"""


class ApplyCommand(Config):
    """Bring templates over with what `adapt` made.

        python data_gen/run.py apply adapter.safetensors templates.npy over.npy
    """

    adapter: Annotated[Path, Positional()]
    """what `adapt` wrote"""
    templates: Annotated[Path, Positional()]
    """.npy, .csv or .b64 of the source recogniser"""
    out: Annotated[Path, Positional()]
    """a .npy; its recogniser is written beside it"""


def adapt(args: AdaptCommand) -> None:
    """Fit by least squares on the training people both folders share, and tell the cosine on the unseen ones."""
    source, target = TemplateShards(args.source), TemplateShards(args.target)
    refuse_input_as_output(args.out, [args.source / "index.json", args.target / "index.json"], "--out")
    x, y = shared(source, target, "train")
    weight, bias = fit(x, y)
    unseen, wanted = shared(source, target, "val")
    before = f"{cosine(unseen, wanted):.4f}" if source.width == target.width else "none (other width)"
    metadata = {
        "source": source.index.recogniser.model_dump_json(), "target": target.index.recogniser.model_dump_json(),
    }  # fmt: skip
    save_arrays(args.out, {"weight": weight, "bias": bias}, metadata)
    print(
        f"{args.out}: {len(x)} photos; on {len(unseen)} of unseen people the cosine is "
        f"{cosine(unseen @ weight + bias, wanted):.4f} (without the adapter: {before})"
    )


def shared(source: TemplateShards, target: TemplateShards, split: Split) -> tuple[Floats, Floats]:
    """Return the templates (N, D) and (N, E) of the photos that two folders share, in the same order.

    Raises:
        DataError: They share none.
    """
    places = [{s.name(split, i): i for i in range(s.count(split))} for s in (source, target)]
    names = [name for name in places[0] if name in places[1]]
    if not names:
        raise DataError(f"{source.path} and {target.path} share no photo to {split}; make both from the same folder.")
    own, other = (s.templates(split)[0][[p[name] for name in names]] for s, p in zip((source, target), places))
    return own, other


def fit(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return weight (D, E) and bias (E,) of the least-squares map from x (N, D) to y (N, E)."""
    ones = np.concatenate([x.astype(np.float64), np.ones((len(x), 1))], axis=1)
    solution, *_ = np.linalg.lstsq(ones, y.astype(np.float64), rcond=None)
    return solution[:-1].astype(np.float32), solution[-1].astype(np.float32)


def cosine(a: Floats, b: Floats) -> float:
    """Return the mean cosine of the rows of a (N, D) and b (N, D)."""
    return float((units(a) * units(b)).sum(axis=1).mean())


def apply(args: ApplyCommand) -> None:
    """Bring a file of templates over; the recogniser it is now of is written beside it, and checked when it is used.

    Raises:
        DataError: The adapter is not one of this project.
    """
    with closing(ArrayFile(args.adapter, "Make it again: python data_gen/run.py adapt.")) as adapter:
        try:
            said = {name: RecogniserId.model_validate_json(adapter.metadata[name]) for name in ("source", "target")}
        except (KeyError, ValidationError):
            raise DataError(f"{args.adapter} is not an adapter made by this project.") from None
        arrays = {name: adapter.rows(name) for name in ("weight", "bias")}
    refuse_input_as_output(args.out, [args.adapter, args.templates], "--out")
    _, templates = read_templates(args.templates, said["source"])
    with write_aside(args.out) as aside:
        np.save(aside, templates @ arrays["weight"] + arrays["bias"])
    write_json(args.out.with_name(args.out.name + ".json"), {"recogniser": said["target"].model_dump()})
    print(f"{args.out}: {len(templates)} template(s) of {said['target'].name}")
