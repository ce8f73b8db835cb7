"""What can be told of handing a person over, and of taking one in, before torch is there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tasks.core.checkpoints import checkpoint_files, parse_steps, refuse_missing, work_dir_of
from tasks.handover.archive import Archive, open_archive
from tasks.handover.manifest import check_name
from tasks.handover.settings import Handover, PackCommand, PullCommand, PushCommand, UnpackCommand
from tasks.person.commands.ready import look_at_dataset
from tasks.person.runs import PORTRAIT, POSTNETS, RENDERERS, find_run
from utils.errors import ConfigError, DataError
from utils.files.digests import sha256
from utils.offline import VARIABLE, is_offline
from utils.paths import existing_file, home, show_path


def look_at_pack(command: PackCommand) -> None:
    """See that a person can be packed.

    Raises:
        ConfigError, DataError: What is wrong, and how to mend it.
    """
    out = command.out or Path(f"{command.id}.vizeme")
    if out.suffix != ".vizeme":
        raise ConfigError(f"--out {out}: let the name end in .vizeme.")
    if os.path.lexists(out):
        with open_archive(existing_file(out)):
            pass  # a pack may be packed anew; what is none stays, and is named
    look_at_runs(command)


def look_at_runs(command: Handover) -> Path:
    """See that a name is plain and that what is packed is trained; return the renderer's run. Errors as above."""
    check_name(Path(command.id).name, "ID")
    runs = renderer_runs(command.id, command.renderer, portrait=not command.no_portrait)
    for run in (*runs, find_run(command.id, POSTNETS)):
        refuse_missing(run, parse_steps(command.steps))
    return runs[0]


def renderer_runs(person: str, renderer: str, *, portrait: bool) -> list[Path]:
    """Return the runs that draw whoever is packed: the one that is asked for, and a trained portrait; errors as above.

    Args:
        renderer: auto: the one that speaks by itself.
    """
    run = find_run(person, RENDERERS if renderer == "auto" else (renderer,))
    laying = work_dir_of(f"{person}/{PORTRAIT}")
    return [run, laying] if portrait and checkpoint_files(laying) else [run]


def look_at_push(command: PushCommand) -> None:
    """See that a person may be uploaded: trained, with a licence and a consent, by somebody who is logged in.

    Raises:
        ConfigError, DataError: What is missing, and how to mend it.
    """
    refuse_offline(command.offline)
    video = look_at_dataset(look_at_runs(command))
    for name in ("licence", "consent"):
        if not (getattr(command, name) or (video is not None and getattr(video.meta, name))):
            raise ConfigError(f"Nobody has said the {name}, which who finds {command.id} must know. Give --{name}.")
    if not command.yes and not sys.stdin.isatty():
        raise ConfigError("Nobody can be asked here whether to upload. Give --yes if you are sure.")
    from huggingface_hub import get_token  # half a second that other commands need not wait

    if not get_token():
        raise ConfigError("You are not logged in at huggingface.co. Do: hf auth login (or set HF_TOKEN).")


def look_at_pull(command: PullCommand) -> None:
    """See that something may be fetched, and that nobody of that name is here; errors as above."""
    refuse_offline(command.offline)
    if command.exp_name:
        check_name(command.exp_name, "ID")
        refuse_taken(*places(command.exp_name, command.binary_data_dir))


def refuse_offline(asked: bool) -> None:
    """Refuse to use the network when that is forbidden; `ConfigError` says by what."""
    if asked or is_offline():
        raise ConfigError(f"{'--offline was given' if asked else f'{VARIABLE} is set'}, and this needs huggingface.co.")


def look_at_unpack(command: UnpackCommand) -> None:
    """See that a pack is one, and that nobody of that name is here; errors as above."""
    if command.exp_name:
        check_name(command.exp_name, "--exp_name")
    with open_archive(existing_file(command.pack)) as archive:
        refuse_taken_by_others(archive, *places(command.exp_name or archive.manifest.id, command.binary_data_dir))


def places(person: str, binary_dir: Path) -> tuple[Path, Path]:
    """Return the folders that a person's runs and footage take, both here or both in the home folder."""
    runs = work_dir_of(person)
    return runs, (home() / binary_dir if runs.is_absolute() else binary_dir) / person


def refuse_taken_by_others(archive: Archive, runs: Path, footage: Path) -> None:
    """Refuse to unpack where something lies that this very pack has not left when it was killed; errors as below."""
    refuse_taken(runs)
    names = [name for name in archive.manifest.members if name.endswith(".safetensors") and name.startswith("footage/")]
    try:
        same = all(sha256(footage / Path(name).name) == archive.manifest.members[name].sha256 for name in names)
    except OSError:
        same = False
    if not same:
        refuse_taken(footage)


def refuse_taken(*folders: Path) -> None:
    """Refuse to unpack where something lies.

    Raises:
        DataError: It does, and where.
    """
    for folder in folders:
        if os.path.lexists(folder):
            where = show_path(folder)
            raise DataError(f"{where} is there already; nothing of it is replaced. Give another --exp_name.")
