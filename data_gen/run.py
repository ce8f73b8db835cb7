"""Make data: `python data_gen/run.py video --id May --video may.mp4`; without arguments, the list of commands."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if Path(sys.path[0] or ".").resolve() == Path(__file__).resolve().parent:
    sys.path[0] = str(ROOT)  # this folder must not shadow other modules

from utils.command import run_command  # noqa: E402
from utils.errors import ConfigError, nearest  # noqa: E402
from utils.files.lock import filling  # noqa: E402

COMMANDS: dict[str, tuple[str, str]] = {
    "video": ("data_gen.video.run", "turn a video of a talking person into a dataset"),
    "demo": ("data_gen.demo.run", "make a video of a made presenter, from a public-domain portrait"),
    "clips": ("data_gen.clips.run", "make a corpus of many speakers' clips"),
    "templates": ("data_gen.templates.run", "cut out faces and compute their recognition templates"),
    "wav2pix": ("data_gen.wav2pix.run", "pair faces with the voices they belong to"),
    "face_voice": ("data_gen.face_voice.run", "make a set of persons with voices and faces"),
}
"""Name -> module with `add_arguments(parser)` and `main(args)`, and what it does."""

HELD = ("templates", "face_voice")
"""Commands that fill the folder `--out` shard by shard and leave its lock to this door."""


def main(arguments: list[str] | None = None) -> int:
    """Find the command's module, parse its flags, and run it."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in ("-h", "--help"):
        print("usage: data_gen/run.py COMMAND ...\n")
        print(f"{__doc__}\n\ncommands:")
        for name, (_, what) in COMMANDS.items():
            print(f"  {name:<10} {what}")
        print("\n`python data_gen/run.py COMMAND --help` tells a command's flags.")
        return 0
    name = given[0]
    if name == "check":
        raise ConfigError("`check` looks at trained networks, not at data: python tasks/talking_head.py check ID")
    if name not in COMMANDS:
        near = nearest(name, COMMANDS)
        hint = f"Did you mean '{near}'? " if near else ""
        raise ConfigError(f"No command is called '{name}'. {hint}Known: {', '.join(COMMANDS)}.")
    module = importlib.import_module(COMMANDS[name][0])
    parser = argparse.ArgumentParser(
        prog=f"data_gen/run.py {name}", description=(module.__doc__ or "").split("\n\n")[0]
    )
    module.add_arguments(parser)
    parsed = parser.parse_args(given[1:])
    if name not in HELD:
        return module.main(parsed) or 0
    with filling(parsed.out):
        return module.main(parsed) or 0


if __name__ == "__main__":
    run_command(main)
