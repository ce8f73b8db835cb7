"""Photos or templates in, rebuilt faces out."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from utils.errors import ConfigError, DataError
from utils.face_crops import CROP, PICTURES, crops_of, find_pictures, read_photo, resized
from utils.files import load_array, read_checked
from utils.recogniser import Recogniser, RecogniserId, find_recogniser, units

if TYPE_CHECKING:
    from tasks.template_decoder import TemplateDecoderTask

Floats = NDArray[np.float32]


def infer(task: TemplateDecoderTask) -> None:
    """Rebuild the faces of `infer_source`, write them with their cosines, and print where."""
    from tasks.template_data import write_picture
    from utils.files import write_json

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
    made = task.reconstruct(templates)
    cosines = cosines_with(recogniser, made, templates)
    out = Path(cfg.infer_out_dir or Path("infer_out") / (task.work_dir.name if task.work_dir else "template_decoder"))
    for name, picture, cosine in zip(names, made, cosines, strict=True):
        write_picture(out / f"{name}_{cosine:.4f}.png", picture)
    write_json(out / "reconstruction.json", {
        "checkpoint": task.source, "recogniser": task.recogniser.model_dump(),
        "cosines": dict(zip(names, cosines.tolist(), strict=True)),
    })  # fmt: skip
    print(f"{out}: {len(names)} face(s), cosine with the template {cosines.mean():.4f} on average")


def cosines_with(recogniser: Recogniser, made: NDArray[np.uint8], templates: Floats) -> Floats:
    """Return how near re-encoded faces (N, S, S, 3) are to templates (N, D): cosines (N,)."""
    crops = np.stack([resized(picture, CROP) for picture in made])
    return np.sum(units(recogniser.templates(crops)) * units(templates), axis=1)


def templates_of_photos(source: Path, recogniser: Recogniser, aligned: bool) -> tuple[list[str], Floats]:
    """Return names and templates of the largest face of every photo.

    Raises:
        DataError: A photo has no face.
    """
    from utils.landmark_detector import make_detector

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


def read_templates(path: Path, wanted: RecogniserId) -> tuple[list[str], Floats]:
    """Read templates (N, D) from .npy, .csv (a row each, maybe a name first) or .b64 (base64 of float32).

    A `<file>.json` beside it may say `{"recogniser": {"name": ..., "sha256": ..., "width": ...}}`; it is then checked.

    Raises:
        DataError: It cannot be read, or the width is another.
        ConfigError: It says that it is of another recogniser.
    """
    names: list[str] = []
    try:
        if path.suffix == ".npy":
            values: Any = load_array(path, "templates")
        elif path.suffix == ".csv":
            names, values = _read_csv(path)
        elif path.suffix == ".b64":
            values = np.frombuffer(base64.b64decode(path.read_text(), validate=True), "<f4")
        else:
            raise DataError(f"{path} is neither a picture nor .npy, .csv or .b64. Pickles are not read: save an array.")
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except (ValueError, binascii.Error, OSError) as error:
        reason = getattr(error, "strerror", "") or error
        raise DataError(f"{path} holds no templates that can be read ({reason}).") from None
    templates = np.asarray(values, np.float32)
    templates = templates.reshape(-1, wanted.width) if templates.size % wanted.width == 0 else templates
    if templates.ndim != 2 or templates.shape[1] != wanted.width or not len(templates):
        raise DataError(
            f"{path} has templates of shape {np.shape(values)}; {wanted.name} gives {wanted.width} numbers."
        )
    if not np.isfinite(templates).all() or (np.linalg.norm(templates, axis=1) < 1e-6).any():
        raise DataError(f"{path} holds a template that is zero or not finite.")
    beside = path.with_name(path.name + ".json")
    if beside.is_file():
        said = read_checked(beside, _Beside, missing=f"{beside} cannot be read.", again="Mend or delete it.").recogniser
        wanted.refuse_other(said, "This decoder", str(path))
    return names or [f"{path.stem}_{i:04d}" for i in range(len(templates))], templates


class _Beside(BaseModel):
    """What lies beside a file of templates."""

    recogniser: RecogniserId


def _read_csv(path: Path) -> tuple[list[str], list[list[float]]]:
    names, rows = [], []
    for line in path.read_text().splitlines():
        cells = [cell.strip() for cell in line.split(",") if cell.strip()]
        if not cells:
            continue
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError:
            names.append(cells[0])
            rows.append([float(cell) for cell in cells[1:]])
    if len({len(row) for row in rows}) > 1:
        raise ValueError("its rows are not equally long")
    if names and len(names) != len(rows):
        raise ValueError("some rows have a name and some have none")
    return names, rows
