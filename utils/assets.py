"""Find, check and fetch outside weights; `utils/asset_table.py` says what they are and whence they come.

    python -m utils.assets                   print the table and what is here
    python -m utils.assets download NAME     fetch one into the user's cache

Nothing in the table is needed for the embedded default. A weight whose licence forbids commercial use is fetched
only by the explicit `download` command, never in passing; with VIZEME_OFFLINE=1 nothing is (`utils/offline.py`).
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from utils.arguments import Flag, Positional
from utils.asset_table import ASSETS, Asset, Part
from utils.command import Command, Door, run_command
from utils.config.schema import Config
from utils.errors import AssetError, DataError, nearest
from utils.files.aside import write_aside
from utils.files.digests import sha256
from utils.files.download import fetch_file, fetch_member, published_digest
from utils.files.ownership import Made
from utils.files.tables import read_json, write_json
from utils.offline import VARIABLE, fetched_words, is_offline, reachable, say, without_words
from utils.processes.manner import note_reading


class ListCommand(Config):
    """Print the table and what of it is here."""

    json_: Annotated[bool, Flag("json")] = False
    """one JSON object in place of the table"""


class DownloadCommand(Config):
    name: Annotated[str, Positional()]
    """a name of the table"""


DOOR = Door(
    "-m utils.assets",
    "Find, check and fetch outside weights.",
    (
        Command("list", ListCommand, "utils.assets:show", "print the table and what is here; so does no command"),
        Command("download", DownloadCommand, "utils.assets:fetch", "fetch one outside weight into the user's cache"),
    ),
)


def roots() -> list[Path]:
    """Return the folders that are searched, in order: $VIZEME_ASSETS, ./assets, the user's cache."""
    folder = os.environ.get("VIZEME_ASSETS")
    try:
        named = [Path(folder).expanduser()] if folder else []
    except RuntimeError:
        raise AssetError(f"$VIZEME_ASSETS is {folder}: there is no such user. Name a folder by its path.") from None
    return [*named, Path("assets"), cache_folder()]


def cache_folder() -> Path:
    """Return the folder that downloads go to."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("vizeme"))


def find_asset(name: str) -> Path | None:
    """Return where an outside weight lies on this machine, or None. Never downloads.

    Raises:
        AssetError: no asset has that name, or the file that is there is not the one expected.
    """
    asset = _row(name)
    for root in roots():
        for file in asset.names:
            path = root / file
            if path.is_dir() if asset.folder else path.is_file():
                note_reading(path)
                _check(path, asset)
                return path.resolve()
    return None


def asset_path(name: str) -> Path:
    """Return where an outside weight lies; download it first when its licence allows that in passing.

    Raises:
        AssetError: it is not here and could not or may not be fetched; the message tells both ways out.
    """
    path = find_asset(name)
    if path is not None:
        return path
    asset = _row(name)
    if not asset.commercial:
        raise AssetError(
            f"{asset.names[0]} ({asset.purpose}) is not here. Its licence ({asset.licence}) must be accepted: run\n"
            f"  python -m utils.assets download {name}\n"
            f"or put the file from {asset.parts[0].url} into a folder that $VIZEME_ASSETS names."
        )
    return download(name)


def download(name: str) -> Path:
    """Fetch an outside weight into the user's cache with a progress bar, check its SHA-256 and return its path."""
    asset = _row(name)
    if is_offline():
        raise AssetError(_no_download(name, asset.parts[0], f"{VARIABLE} is set, so nothing is fetched"))
    target = cache_folder() / asset.names[0]
    with write_aside(target, Made()) as aside:  # its folder is the program's own
        folder = aside if asset.folder else aside.with_name(aside.name + ".parts")
        folder.mkdir(parents=True)
        try:
            files = [_fetch(part, folder, name) for part in asset.parts]
            _refuse_too_little(files, asset, name)
            if name == "lpips_alexnet":
                _join_lpips(files[0], files[1], aside)
            elif not asset.folder:
                os.replace(files[0], aside)
        finally:
            if not asset.folder:
                for file in folder.iterdir():
                    file.unlink()
                folder.rmdir()
    return target.resolve()


def missing(names: Sequence[str]) -> list[str]:
    """Return those weights that are not here; one that is here and damaged is told by whoever opens it."""
    return [name for name in names if _place(name) is None]


def fetch_missing(names: Sequence[str]) -> None:
    """Fetch free weights that are not here, each told before with size and licence; go on where that cannot be.

    What is used in place of those that stay away is told in one line. Without a network that takes seconds.
    """
    wanted = missing(names)
    if not wanted:
        return
    if is_offline():
        say(f"Offline, and not here: {without_words(wanted)}.")
        return
    answering = reachable(wanted)
    lacking = [name for name in wanted if name not in answering]
    if answering:
        say(f"Fetching once, into {cache_folder()}: {fetched_words(answering)}. --offline goes without.")
    for name in answering:
        assert ASSETS[name].commercial, "others are fetched by `download` alone"
        try:
            download(name)
        except (AssetError, DataError, OSError) as error:
            say(str(error).splitlines()[0])
            lacking.append(name)
    if lacking:
        again = f"python -m utils.assets download {lacking[0]}" + (" (and so on)" if lacking[1:] else "")
        say(f"Not to be had now: {without_words(lacking)}. To get it later: {again}.")


def _row(name: str) -> Asset:
    if name not in ASSETS:
        near = nearest(name, ASSETS)
        hint = f"Did you mean '{near}'? " if near else ""
        raise AssetError(f"No outside weight is called '{name}'. {hint}Known: {', '.join(ASSETS)}.")
    return ASSETS[name]


def _check(path: Path, asset: Asset) -> None:
    """Compare the SHA-256 of a weight, file by file, with what is published, else with what it was at its first use."""
    files = {path / part.file: (part.sha256,) if part.sha256 else () for part in asset.parts}
    for file, digests in files.items() if asset.folder else [(path, asset.digests)]:
        if not file.is_file():
            continue  # of a folder; who opens it says what is missing
        status = file.stat()
        digest = _digest(str(file.resolve()), status.st_size, status.st_mtime_ns)
        if digests and not digest.startswith(digests):
            raise AssetError(
                f"{file} is not the {asset.names[0]} expected: its SHA-256 is another. "
                f"Delete it and fetch it again from {asset.parts[0].url}."
            )
        if not digests and not _as_before(file.resolve(), status.st_size, digest):
            raise AssetError(
                f"{file} is not what it was when it was first used here: its SHA-256 is another. Fetch it again from "
                f"{asset.parts[0].url}; if you replaced it yourself, delete {cache_folder() / _MEMORY}."
            )


_MEMORY = "digests.json"
"""Of files whose SHA-256 is not published: what it was at the first use, in the user's cache."""


def _as_before(file: Path, size: int, digest: str) -> bool:
    """Tell whether a file has the SHA-256 that it had at its first use; one of another size was replaced on purpose."""
    memory = cache_folder() / _MEMORY
    try:
        before = dict(read_json(memory))
    except (DataError, TypeError, ValueError):
        before = {}
    if before.get(str(file)) == [size, digest]:
        return True
    last = before.get(str(file))
    if isinstance(last, list) and last[:1] == [size]:
        return False
    kept = {name: value for name, value in before.items() if Path(name).exists()}
    with contextlib.suppress(OSError, DataError):  # a cache that cannot be written remembers nothing
        write_json(memory, {**kept, str(file): [size, digest]})
    return True


@functools.lru_cache
def _digest(path: str, size: int, modified: int) -> str:
    return sha256(path)


def _fetch(part: Part, folder: Path, name: str) -> Path:
    target = folder / part.file
    most = 2_000_000 * ASSETS[name].megabytes + 10_000_000  # the size in the table is a rough one
    try:
        if part.member is None:
            fetch_file(part.url, target, part.sha256 or published_digest(part.url), most)
        else:
            fetch_member(part.url, part.member, target, part.sha256, most)
    except DataError as error:
        raise AssetError(_no_download(name, part, str(error))) from error
    return target


def _refuse_too_little(files: Sequence[Path], asset: Asset, name: str) -> None:
    """Refuse what cannot be the weight: the page on which a hotel's network asks for a name, say."""
    size = sum(file.stat().st_size for file in files)
    if size < 500_000 * asset.megabytes:
        raise AssetError(_no_download(name, asset.parts[0], f"{size:,} bytes came, not {asset.megabytes} MB"))


def _no_download(name: str, part: Part, reason: str) -> str:
    asset = ASSETS[name]
    place = f"{asset.names[0]}/{part.file}" if asset.folder else asset.names[0]
    return (
        f"Could not download {part.file} ({asset.purpose}): {reason}.\n"
        f"Either connect this machine and run: python -m utils.assets download {name}\n"
        f"or fetch {part.url} elsewhere and put it as {place} into a folder that $VIZEME_ASSETS names."
    )


def _join_lpips(alexnet: Path, heads: Path, target: Path) -> None:
    """Keep AlexNet's convolutions (`features.*`) and the five heads (`lin{i}.model.1.weight`) in one file."""
    import torch
    from safetensors.torch import save_file

    tensors = {
        name: tensor.contiguous()
        for file in (alexnet, heads)
        for name, tensor in torch.load(file, map_location="cpu", weights_only=True).items()
        if name.startswith(("features.", "lin"))
    }
    save_file(tensors, target)


def fetch(command: DownloadCommand) -> None:
    """Fetch one row of the table, after its licence was told, and print where it is."""
    asset = _row(command.name)
    if not asset.commercial:
        print(f"Licence of {command.name}: {asset.licence}. By using it you accept that.", file=sys.stderr)
    print(download(command.name))


def _place(name: str) -> str | None:
    try:
        path = find_asset(name)
    except AssetError:
        return "damaged"
    return str(path) if path else None


def show(command: ListCommand) -> None:
    """Print the table and what of it is here."""
    from rich.console import Console
    from rich.table import Table

    searched = [str(root) for root in roots()]
    places = {name: _place(name) for name in ASSETS}
    if command.json_:
        rows = [
            {"name": name, "purpose": asset.purpose, "licence": asset.licence, "commercial": asset.commercial,
             "megabytes": asset.megabytes, "without": asset.without, "here": places[name]}
            for name, asset in ASSETS.items()
        ]  # fmt: skip
        print(json.dumps({"assets": rows, "searched": searched}, indent=1))
        return
    table = Table("name", "what for", "licence", "here")
    for name, asset in ASSETS.items():
        table.add_row(name, asset.purpose, asset.licence, places[name] or "no")
    Console().print(table)
    print(f"Searched: {', '.join(searched)}")


def main(words: Sequence[str] | None = None) -> int:
    """Print the table, or fetch one row of it."""
    return DOOR.main((sys.argv[1:] if words is None else words) or ["list"])


if __name__ == "__main__":
    run_command(main)
