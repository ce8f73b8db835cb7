"""Find the pairs that wav2pix's own config.yaml names: pickled lists of faces and of sounds."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from data_gen.wav2pix.pairs import Split
from data_gen.wav2pix.sources import Source
from utils.config.strict_yaml import read_yaml_file
from utils.errors import DataError
from utils.files.digests import inside
from utils.files.pickles import read_plain_pickle

LISTS: dict[Split, str] = {"train": "train", "val": "inference"}
"""Split -> how its lists are called there: `train_faces_path`, `train_audios_path`."""
PARTS = 3
"""Last parts of a listed path that mean something elsewhere: train or test, speaker, file."""


def pickled_sources(config: Path, dataset: Path | None = None) -> list[Source]:
    """List the pairs of a config.yaml, by speaker and name.

    Args:
        dataset: Folder of the dataset; the listed paths are those of the machine on which the lists were made.

    Raises:
        DataError: A list is missing, damaged, of another length than its other, or none of its files is there.
    """
    values = read_yaml_file(config)
    if not isinstance(values, dict) or "train_faces_path" not in values:
        raise DataError(f"{config} is no config.yaml of wav2pix: that names train_faces_path and train_audios_path.")
    folder = dataset or config.parent
    sources: list[Source] = []
    for split, name in LISTS.items():
        if f"{name}_faces_path" not in values and split == "val":
            continue
        faces, sounds = (_paths(config, values, f"{name}_{kind}_path", folder) for kind in ("faces", "audios"))
        if len(faces) != len(sounds):
            raise DataError(f"{config}: {name} has {len(faces)} faces and {len(sounds)} sounds. Make the lists again.")
        pairs = zip(faces, sounds, strict=True)
        sources += [Source(split, picture.parent.name, picture, sound) for picture, sound in pairs]
    if not any(source.picture.is_file() for source in sources):
        first = f"; the first would be {sources[0].picture}" if sources else ""
        raise DataError(f"None of the {len(sources)} files listed is under {folder}{first}. Give --dataset FOLDER.")
    return sorted(sources, key=lambda source: (source.speaker, source.picture.name))


def _paths(config: Path, values: dict[str, object], key: str, folder: Path) -> list[Path]:
    place = values.get(key)
    if not isinstance(place, str):
        raise DataError(f"{config}: {key} names no file.")
    places = (Path(place), config.parent / place, config.parent / Path(place).name)
    file = next((path for path in places if path.is_file()), None)
    if file is None:
        raise DataError(f"{config}: {key} is {place}, which is not there, nor is {Path(place).name} beside it.")
    names = read_plain_pickle(file, "list of paths")
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) and name for name in names):
        raise DataError(f"{file} holds no list of paths.")
    return [_here(name, folder) for name in names]


def _here(name: str, folder: Path) -> Path:
    """Return where a listed file lies now: as it is listed, or by its last parts under the dataset's folder."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    places = [inside(folder, "/".join(parts[-count:])) for count in (PARTS, PARTS - 1) if len(parts) >= count]
    return next((place for place in (*places, Path(name)) if place.is_file()), places[0] if places else Path(name))
