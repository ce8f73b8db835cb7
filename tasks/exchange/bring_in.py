"""Import files and folders of other projects as runs of this one."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

from tasks.core.checkpoints import work_dir_of
from tasks.exchange.known import refuse_unknown
from tasks.exchange.registry import recognised, sources
from tasks.exchange.source import GoesWith
from tasks.exchange.sources.geneface_dataset import MAGIC, import_dataset
from tasks.exchange.write import ORIGINALS, is_imported, keep_originals, write_run
from tasks.weights.read import read_file
from utils.command import plain
from utils.errors import DataError
from utils.files.digests import sha256
from utils.files.tree import files_under
from utils.paths import existing_file, show_path

log = logging.getLogger("vizeme")
SUFFIXES = (".ckpt", ".pt", ".pth", ".h5", ".onnx", ".safetensors", ".npy")
"""Names that are looked at in a folder; a single file may be called anything."""
STEPS = re.compile(r"model_ckpt_(?:steps_(\d+)\.ckpt|best\.pt)")


class AlreadyOurs(DataError):
    """The file is a checkpoint of this project."""


@dataclass(frozen=True)
class Options:
    """What the command line asks for, besides the path."""

    exp_name: str = ""
    source: str = ""


def _tell(text: str, *values: object) -> None:
    """Log a line in which a stranger's words may stand: control characters are written out."""
    log.info("%s", plain(text % values))


def import_file(path: Path, options: Options = Options(), default: str = "") -> Path:
    """Import one file and return the run's folder; of a person's dataset, the scene that was made of it.

    Args:
        path: The file.
        options: What is asked for.
        default: Name of the run when none is asked for and the file does not lie under `checkpoints/`.

    Raises:
        DataError: It cannot be read, is nothing known, does not fit, or another run would be overwritten.
    """
    existing_file(path)  # a pipe would be waited for
    if path.open("rb").read(len(MAGIC)) == MAGIC:
        scene = import_dataset(path)
        _tell("%s is GeneFace's dataset of a person; its renderers need %s", path, show_path(scene))
        return scene
    place = place_of(path)
    if place != path.parent and not is_imported(place):  # an import that was killed: it goes on
        keep_originals(place, path)
    file = read_file(path)
    if any(name.startswith("vizeme.") for name in file.extras):
        raise AlreadyOurs(f"{path} is a checkpoint of this project already.")
    source = choose(file.tensors, file.kind, path, options.source)
    _tell("%s is %s: %s", path, source.name, source.what)
    converted = source.convert(file.tensors, file.extras, path)
    work_dir = work_dir_of(options.exp_name or own_name(path) or default or f"imported/{source.stage}")
    origin = {"source": source.name, "file": path.name, "sha256": sha256(path)}
    if work_dir.resolve() == path.resolve().parent:
        keep_originals(work_dir, work_dir / path.name)
        _tell("  what lay in %s is kept in %s", show_path(work_dir), show_path(work_dir / ORIGINALS))
    written = write_run(work_dir, converted, origin)
    used = sum(len(part.state_dict) for part in (converted, *converted.companions.values()))
    _tell("  %d tensors -> task %s, %s", used, converted.recipe["task_cls"], show_path(written))
    for name, reason in converted.left_out.items():
        _tell("  left out: %s: %s", name, reason)
    for name, text in converted.preprocessing.items():
        _tell("  %s: %s", name, text)
    for name in converted.companions:
        _tell("  beside it: %s", show_path(work_dir / name))
    return work_dir


def choose(tensors: dict, kind: str, path: Path, wanted: str):  # type: ignore[no-untyped-def,type-arg]
    """Return the source that a file's tensors belong to, or the one that is `wanted`.

    Raises:
        ConfigError: No source is called so.
        DataError: It belongs to none, or to several.
    """
    if wanted:
        refuse_unknown(wanted)
        return {source.name: source for source in sources()}[wanted]
    matches = recognised(tensors, kind)
    if not matches:
        shown = ", ".join(f"{name} {tuple(value.shape)}" for name, value in list(tensors.items())[:4])
        raise DataError(
            f"{path} is no checkpoint that is known here (python tasks/import_checkpoint.py --list). "
            f"It holds {len(tensors)} tensors: {shown}{', ...' if len(tensors) > 4 else ''}"
        )
    if len(matches) > 1:
        names = " or ".join(source.name for source in matches)
        raise DataError(f"{path} may be {names}; say which with --source.")
    return matches[0]


def own_name(path: Path) -> str:
    """Return the run's name of a file under `checkpoints/`: its folder's, or one inside where several files lie there.

    Empty for a file elsewhere.
    """
    base, place = work_dir_of("checkpoints").resolve(), path.resolve().parent
    folder = place.parent if place.name == ORIGINALS else place
    if base not in folder.parents:
        return ""
    name = folder.relative_to(base)
    return str(name if alone(path) else name / path.stem)


def place_of(path: Path) -> Path:
    """Return the folder that a file lies in, or lay in before an import set it aside."""
    return path.parent.parent if path.parent.name == ORIGINALS else path.parent


def alone(path: Path) -> bool:
    """Tell whether a checkpoint shares its folder with no other, further steps of the same training apart."""
    others = [other for other in path.parent.iterdir() if other.is_file() and other.suffix in SUFFIXES]
    return all(other.name == path.name or STEPS.fullmatch(other.name) for other in others)


def import_folder(folder: Path, options: Options = Options()) -> list[Path]:
    """Import what lies in a folder: of a training run's checkpoints the newest, of all else every file.

    Raises:
        DataError: Nothing could be imported, or some of it not; with every reason.
    """
    chosen = candidates(folder)
    if not chosen:
        raise DataError(f"{folder} holds no checkpoint ({', '.join(SUFFIXES)}).")
    done, failed, passed = [], [], 0
    for path in chosen:
        inside = place_of(path).relative_to(folder)  # not resolved: it may lie behind a link
        name = inside if alone(path) else inside / path.stem
        asked = options.exp_name if len(chosen) == 1 or not options.exp_name else str(Path(options.exp_name) / name)
        default = str(Path(folder.resolve().name) / name)
        try:
            done.append(import_file(path, Options(asked, options.source), default))
        except (AlreadyOurs, GoesWith) as error:
            _tell("passed over: %s", error)
            passed += 1
        except DataError as error:
            failed.append(str(error))
    for work_dir in done:
        print(plain(str(work_dir)))
    if not done and not failed:
        print(f"{folder}: nothing new; {passed} file(s) are this project's already, or belong to those that are")
    if failed:
        raise DataError("\n".join([f"{len(done)} imported, {len(failed)} not:", *failed]))
    return done


def candidates(folder: Path) -> list[Path]:
    """List the files of a folder to import; tells of those that are passed over."""
    paths: list[Path] = []
    by_folder: dict[Path, list[Path]] = {}
    for path in files_under(folder):
        if path.suffix in SUFFIXES and (path.parent.name != ORIGINALS or not is_imported(path.parent.parent)):
            by_folder.setdefault(path.parent, []).append(path)
    for files in by_folder.values():
        steps = {int(match[1] or -1): path for path in files if (match := STEPS.fullmatch(path.name))}
        newest = steps[max(steps)] if steps else None
        for path in files:
            if STEPS.fullmatch(path.name) and path != newest:
                _tell("passed over %s: %s is newer", path, newest.name if newest else "")
            else:
                paths.append(path)
    return paths
