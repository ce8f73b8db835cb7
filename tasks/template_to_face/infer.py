"""Photos or templates in, rebuilt faces out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_gen.origins import marks_of
from data_gen.templates.files import read_templates
from utils.arrays import Bytes, Floats
from utils.drawing.canvas import contact_sheet
from utils.errors import ConfigError, DataError
from utils.faces.crops import CROP, crops_of
from utils.faces.detectors import make_detector
from utils.faces.recogniser import Recogniser, cosines_with, find_recogniser
from utils.files.tables import write_json
from utils.media.marks.marks import Marks
from utils.media.pictures import PICTURES, find_pictures, read_photo, resized, write_picture

MOST_SHOWN = 16
"""Faces on one sheet."""


def infer(task: Any) -> None:
    """Rebuild the faces of `infer_source`, write them with their cosines, and print where."""
    cfg = task.cfg
    if not cfg.infer_source:
        raise ConfigError("Say what to rebuild: --infer_source=<photo, folder, .npy, .csv or .b64>.")
    if task.recogniser is None:
        raise ConfigError("This checkpoint does not say which recogniser its templates are of. Train it again.")
    recogniser = find_recogniser(task.recogniser, cfg.infer_recogniser)
    source = Path(cfg.infer_source)
    if source.is_dir() or source.suffix.lower() in PICTURES:
        names, templates = templates_of_photos(source, recogniser, cfg.infer_aligned)
    else:
        names, templates = read_templates(source, task.recogniser)
    faces = task.reconstruct(templates)
    cosines = cosines_with(recogniser, faces, templates)
    if cfg.infer_out_image_name:
        write_one(Path(cfg.infer_out_image_name), names, faces, cosines, marks_of(task, "picture"))
        print(f"{cfg.infer_out_image_name}: {len(names)} face(s), cosine {cosines.mean():.4f} on average")
        return
    out = Path(cfg.infer_out_dir or Path("infer_out") / (task.work_dir.name if task.work_dir else "template_decoder"))
    marks = marks_of(task, "picture")
    for name, picture, cosine in zip(names, faces, cosines, strict=True):
        write_picture(out / f"{name}_{cosine:.4f}.png", picture, marks)
    write_json(out / "reconstruction.json", {
        "checkpoint": task.source, "recogniser": task.recogniser.model_dump(),
        "cosines": dict(zip(names, cosines.tolist(), strict=True)),
    })  # fmt: skip
    print(f"{out}: {len(names)} face(s), cosine with the template {cosines.mean():.4f} on average")


def write_one(path: Path, names: list[str], faces: Bytes, cosines: Floats, marks: Marks) -> None:
    """Write one face (1, S, S, 3) as it is, or a sheet of the first 16 of many, each with its name and cosine."""
    picture = faces[0]
    if len(faces) > 1:
        labels = [f"{name} {cosine:.2f}" for name, cosine in zip(names[:MOST_SHOWN], cosines, strict=False)]
        picture = contact_sheet(list(faces[:MOST_SHOWN]), labels)
    write_picture(path.with_suffix(path.suffix or ".png"), picture, marks)


def templates_of_photos(source: Path, recogniser: Recogniser, aligned: bool) -> tuple[list[str], Floats]:
    """Return names and templates (N, D) of the largest face of every photo.

    Raises:
        DataError: A photo has no face.
    """
    paths = find_pictures(source) if source.is_dir() else [source]
    detector = None if aligned else make_detector("auto")
    crops: list[NDArray[np.uint8]] = []
    names, faceless = [], []
    for path in paths:
        photo = read_photo(path)
        crop = resized(photo, CROP) if detector is None else next(crops_of(photo, detector), None)
        if crop is None:
            faceless.append(str(path))
            continue
        crops.append(crop)
        names.append("_".join(path.relative_to(source).with_suffix("").parts) if source.is_dir() else path.stem)
    if detector is not None:
        detector.close()
    if not crops:
        raise DataError(
            f"No face in {faceless[0]} nor in {len(faceless) - 1} more. Crop closer, or give --infer_aligned."
        )
    for path_name in faceless:
        print(f"no face: {path_name}")
    return names, recogniser.templates(np.stack(crops))
