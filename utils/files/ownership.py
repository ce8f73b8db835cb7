"""What the program may delete and overwrite: only what it can prove to have made.

The one rule, for every door: files and not folders, by the exact names that are written; a folder's content is ours
only where a marker says so. What else lies in a folder that is written anew is carried over, and what is written is
never one of the things that are read.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from utils.errors import ConfigError, DataError

LONGEST_NAME = 255
"""Bytes of a file's name, on all usual file systems."""


@dataclass(frozen=True)
class Made:
    """How a folder of ours is known.

    Attributes:
        names: The exact names of all that is written into it.
        marker: The one of them, a JSON mapping, that says whose the folder is; empty for a folder that only this
            program writes, as that of its downloads.
        says: Key and value that the marker has; any value when it is empty.
    """

    names: frozenset[str] = frozenset()
    marker: str = ""
    says: tuple[str, str] = ("", "")

    def also(self, names: Iterable[str]) -> Made:
        """Return the same with more names."""
        return replace(self, names=self.names | set(names))

    def proves(self, folder: Path) -> bool:
        """Tell whether the marker lies in a folder and says that this program wrote it.

        One that is damaged does so where nothing else lies in the folder than what is written there.
        """
        if not self.marker:
            return True
        file, (key, value) = folder / self.marker, self.says
        if not is_plain_file(file):
            return False
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return all(path.name in self.names for path in folder.iterdir())
        return isinstance(content, dict) and key in content and value in ("", content[key])

    def ours(self, folder: Path) -> list[Path]:
        """List the files of a folder that may be deleted: plain ones, of our names, beside our marker."""
        if not self.proves(folder):
            return []
        return [path for path in sorted(folder.iterdir()) if path.name in self.names and is_plain_file(path)]

    def strangers(self, folder: Path) -> list[Path]:
        """List what else lies in a folder; nothing when there is no such folder."""
        if not folder.is_dir():
            return []
        ours = set(self.ours(folder))
        return [path for path in sorted(folder.iterdir()) if path not in ours]

    def refuse_clash(self, folder: Path) -> None:
        """Refuse, before any work, a folder in which a name that will be written belongs to somebody else.

        Raises:
            DataError: It does, and which.
        """
        if os.path.lexists(folder) and not folder.is_dir():
            raise DataError(f"{folder} is a file. Move it away: a folder of this name is written.")
        for path in self.strangers(folder):
            if path.name in self.names:
                raise DataError(
                    f"{path} lies where this command writes, and nothing says that it was made by it. "
                    "Move it away, or choose another place."
                )

    def refuse_strangers(self, folder: Path, flag: str) -> None:
        """Refuse, before any work, a folder that holds anything that was not written by this program.

        Raises:
            DataError: It does, and what.
        """
        self.refuse_clash(folder)
        if strangers := self.strangers(folder):
            raise DataError(
                f"{flag} {folder} holds what this command did not make ({strangers[0].name}). "
                "Name a new or an empty folder."
            )

    def carry_over(self, old: Path, new: Path) -> None:
        """Give what lies in `old` and is not ours a second place in `new`, before `new` takes the place of `old`."""
        for path in self.strangers(old):
            _link(path, new / path.name)

    def delete(self, folder: Path) -> None:
        """Delete what is ours in a folder, and the folder when nothing is left."""
        for path in self.ours(folder):
            path.unlink(missing_ok=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def is_plain_file(path: Path) -> bool:
    """Tell whether a path is a file, and no link to one."""
    return path.is_file() and not path.is_symlink()


def keep_only(folder: Path, ours: str, names: Collection[str]) -> None:
    """Delete the plain files of a folder whose whole names match the expression `ours`, but for those in `names`."""
    for file in folder.iterdir():
        if file.name not in names and re.fullmatch(ours, file.name) and is_plain_file(file):
            file.unlink(missing_ok=True)


def refuse_long_name(path: Path, what: str = "") -> None:
    """Refuse, before any work, a path of which a part is longer than names may be.

    Raises:
        ConfigError: One is.
    """
    for part in path.parts:
        if (size := len(os.fsencode(part))) > LONGEST_NAME:
            raise ConfigError(
                f"{what or 'The name'} {part[:40]}... has {size} bytes; names have {LONGEST_NAME} at most. "
                "Choose a shorter one."
            )


def refuse_input_as_output(out: Path, inputs: Iterable[str | Path], what: str = "") -> None:
    """Refuse to write where something that is read lies.

    Args:
        out: The file or the folder to write.
        inputs: Files and folders that are read; those that do not exist are passed over.
        what: The flag or the setting that names `out`, for the error.

    Raises:
        ConfigError: `out` is one of the inputs, under whatever name, or part of a dataset or a run; or no file may be
            called so.
    """
    refuse_long_name(out, what)
    called = f"{what} {out}".strip()
    for name in inputs:
        source = Path(name)
        if not source.exists():
            continue
        if out.exists() and os.path.samefile(out, source):
            raise ConfigError(f"{called} is what is read ({source}): it would be overwritten. Name another place.")
    if is_part_of_ours(out):
        raise ConfigError(f"{called} is part of a dataset or of a run, which would be lost. Name another place.")


def is_part_of_ours(file: Path) -> bool:
    """Tell whether a file is a checkpoint, or lies beside the marker of one of our datasets: no output replaces one."""
    if not file.is_file():
        return False
    if file.suffix == ".ckpt" or (file.name == "config.yaml" and any(file.parent.glob("*.ckpt"))):
        return True
    for marker in ("meta.json", "index.json"):
        try:
            content = json.loads((file.parent / marker).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(content, dict) and str(content.get("format", "")).startswith("vizeme-"):
            return True
    return False


def refuse_folder_of_inputs(out: Path, inputs: Iterable[str | Path], what: str) -> None:
    """Refuse a folder to fill that is read, or lies above what is read.

    Raises:
        ConfigError: It does.
    """
    place = out.resolve()
    for name in inputs:
        source = Path(name).resolve()
        if place == source or place in source.parents:
            raise ConfigError(f"{what} {out} holds what is read ({name}). Name a folder apart from it.")


def _link(source: Path, target: Path) -> None:
    """Put a file, a link or a whole folder at a second place, without a copy where the file system can do that."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True, copy_function=_link_file)
    else:
        _link_file(source, target)


def _link_file(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
