"""Complete the command `vizeme` in a shell: what may be typed comes from the table of commands, and so is never old."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from utils.arguments import Positional, Several, find, flag_of, is_list, marker, one_line, parts
from utils.asset_table import ASSETS
from utils.command import Command, Door, Inner
from utils.config.schema import Config
from utils.paths import ROOT
from utils.processes.manner import HELP

PRESETS = sorted({path.parent.name for path in (ROOT / "egs" / "datasets").rglob("syncnet.yaml")})
LISTS: dict[str, Callable[[], list[str]]] = {
    "ids": lambda: sorted(path.parent.name for path in Path("data/binary/videos").glob("*/meta.json")),
    "runs": lambda: sorted(str(path.parent.relative_to("checkpoints")) for path in _saved()),
    "recipes": lambda: sorted(
        [*(path.relative_to(ROOT).as_posix() for path in (ROOT / "egs" / "datasets").rglob("*.yaml")),
         *(path.as_posix() for path in _saved())]
    ),
}  # fmt: skip
"""What a shell asks for when Tab is pressed, since it changes: names of persons, of runs, of recipes."""
LISTED = {"id": "ids", "exp_name": "runs", "run": "runs", "config": "recipes"}
"""Settings whose value is one of a list."""
CHOICES = {"preset": PRESETS, "name": sorted(ASSETS)}
"""Settings whose values do not change but with the program."""


class CompletionCommand(Config):
    """Print what completes `vizeme` when Tab is pressed: commands, flags, their values, persons, runs and recipes.

    bash: vizeme completion bash > ~/.local/share/bash-completion/completions/vizeme
    zsh:  vizeme completion zsh > FOLDER/_vizeme, with a FOLDER of $fpath
    fish: vizeme completion fish > ~/.config/fish/completions/vizeme.fish
    """

    what: Annotated[Literal["bash", "zsh", "fish", "ids", "runs", "recipes"], Positional()]
    """which shell; or the list that its completion asks for"""


def _saved() -> list[Path]:
    return [path for path in Path("checkpoints").glob("*/*/config.yaml") if "\n" not in str(path)]


def main(command: CompletionCommand) -> None:
    """Print the script or the list."""
    if command.what in LISTS:
        print("\n".join(LISTS[command.what]()))
    else:
        print(script(find("vizeme.__main__:DOOR"), command.what))


def script(door: Door, shell: str) -> str:
    """Write the completion of a door for bash, zsh or fish."""
    import shtab

    parser = argparse.ArgumentParser(door.typed, description=door.help)
    parser.add_argument("--version", action="store_true", help="say which version this is")
    _fill(parser, door)
    return shtab.complete(parser, shell)


def _fill(parser: argparse.ArgumentParser, row: Command | Inner | Door) -> None:
    """Give a parser what may be typed after a row's name."""
    if isinstance(row, Door) and not any(one.name == "" for one in row.rows):
        commands = parser.add_subparsers()
        for one in row.rows:
            if isinstance(one, Command | Inner):
                _fill(commands.add_parser(one.name, help=one.help.replace("%", "%%")), one)
    elif isinstance(row, Inner) and not row.settings:
        _fill(parser, find(f"{row.run.partition(':')[0]}:DOOR"))
    else:
        settings = row.rows[0].settings if isinstance(row, Door) else row.settings
        _flags(parser, find(settings) if isinstance(settings, str) else settings)


def _flags(parser: argparse.ArgumentParser, schema: type[Config]) -> None:
    """Give a parser the flags and places of a command's settings, and those that every command has."""
    import shtab

    for flags, text in HELP.items():
        parser.add_argument(*flags.split(", "), action="store_true", help=text)
    for name, info in schema.model_fields.items():
        more: dict[str, Any] = {"help": one_line(info).replace("%", "%%")}
        place, flag = marker(info, Positional), flag_of(name, info)
        if flag == "help":
            continue  # argparse has it
        if info.annotation is bool:
            more["action"] = "store_true"
        else:
            words = [part for part in parts(info.annotation) if isinstance(part, str)]
            more |= {"choices": CHOICES.get(name, words) or None}
            if place or marker(info, Several):
                more["nargs"] = "*" if is_list(info) else "?"
        argument = parser.add_argument(name if place else f"--{flag}", **more)
        if name in LISTED:
            argument.complete = shtab.cmd(f"{parser.prog.split()[0]} completion {LISTED[name]}")  # type: ignore[attr-defined]
        elif Path in parts(info.annotation):
            argument.complete = shtab.FILE  # type: ignore[attr-defined]
