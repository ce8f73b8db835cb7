"""A packed person on huggingface.co: uploaded after a login and a yes, fetched and unpacked as any stranger's pack."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import CommitOperationAdd, EvalResult, HfApi, ModelCardData
from huggingface_hub.utils import disable_progress_bars

from tasks.core.checkpoints import find_checkpoint, parse_steps, read_index
from tasks.handover.archive import open_archive
from tasks.handover.manifest import Manifest
from tasks.handover.pack import card, pack
from tasks.handover.settings import PullCommand, PushCommand
from tasks.handover.unpack import unpack
from tasks.person.runs import POSTNETS, find_run
from utils.errors import ConfigError, DataError
from utils.files.digests import sha256
from utils.files.scratch import scratch_folder
from utils.processes.manner import is_quiet

log = logging.getLogger("vizeme")
CARD, SUFFIX = "README.md", ".vizeme"
TAGS = ["vizeme", "talking-head", "audio-driven", "face"]
LICENCES = (
    "apache-2.0", "mit", "bsd-3-clause", "gpl-3.0", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0",
    "cc-by-nd-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0",
)  # fmt: skip
"""Licences that the hub has a name for; another is told in its own words."""
_LIBRARIES = {"huggingface_hub", "httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3", "hf_xet"}
"""Whose errors are the network's or the hub's."""


def push(command: PushCommand) -> None:
    """Pack a person, say what would be uploaded, and do it when that is agreed to; print the address."""
    with scratch_folder() as scratch:
        file = pack(command.id, scratch / f"{Path(command.id).name}{SUFFIX}", renderer=command.renderer,
                    steps=parse_steps(command.steps), said=(command.licence, command.consent),
                    portrait=not command.no_portrait)  # fmt: skip
        with open_archive(file) as archive:
            manifest = archive.manifest
        what = f"{file.name}, {file.stat().st_size / 1e6:.1f} MB"
        if any(name.endswith("frames.safetensors") for name in manifest.members):
            what += ", with pictures of the footage"
        agree(f"{manifest.id} ({what}) goes to https://huggingface.co/{command.repo}"
              f"\nlicence: {manifest.licence}\nconsent: {manifest.consent}", command.yes)  # fmt: skip
        text = hub_card(manifest, command.repo, figures_of(command, manifest.renderers))
        parts = [CommitOperationAdd(file.name, str(file)), CommitOperationAdd(CARD, text.encode())]
        with hub(command.repo) as api:
            api.create_repo(command.repo, private=command.private or None, exist_ok=True)
            refuse_other_content(command.repo, file.name, api.list_repo_files(command.repo))
            commit = api.create_commit(command.repo, parts, commit_message=f"Add {manifest.id}")
    print(commit.commit_url)


def pull(command: PullCommand) -> None:
    """Fetch the pack of a repository, see that it is what the hub says, unpack it and print the folder of the runs."""
    with hub(command.repo) as api:
        info = api.model_info(command.repo, revision=command.revision, files_metadata=True)
        packs = [one for one in info.siblings or () if one.rfilename.endswith(SUFFIX) and "/" not in one.rfilename]
        if len(packs) != 1:
            names = ", ".join(one.rfilename for one in packs) or "none"
            raise DataError(f"{command.repo} should hold one pack (NAME{SUFFIX}), and holds {names}.")
        log.info("Fetching %s (%.1f MB, commit %s)", packs[0].rfilename, (packs[0].size or 0) / 1e6, info.sha)
        path = Path(api.hf_hub_download(command.repo, packs[0].rfilename, revision=info.sha))
    if packs[0].lfs is not None and sha256(path) != packs[0].lfs.sha256:
        raise DataError(f"{path} is not what {command.repo} says it is (SHA-256). Delete it and fetch it again.")
    print(unpack(path, command.exp_name, command.binary_data_dir))


def refuse_other_content(repo: str, name: str, files: Iterable[str]) -> None:
    """Refuse to put a person where something else lies, whose card would be replaced; `DataError` says what."""
    others = sorted(set(files) - {".gitattributes"})
    if others and name not in others:
        raise DataError(f"{repo} holds other things already: {', '.join(others[:3])}. Name a new repository.")


def agree(text: str, yes: bool) -> None:
    """Say what would be uploaded, and go on when that is agreed to.

    Raises:
        ConfigError: It is not.
    """
    print(text, file=sys.stderr, flush=True)
    if not yes:
        print("Everybody who finds it can let this person say anything. Upload it? [y/N] ", end="", file=sys.stderr,
              flush=True)  # fmt: skip
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise ConfigError("Nothing was uploaded.")


def figures_of(command: PushCommand, renderers: Iterable[str]) -> dict[str, dict[str, float]]:
    """Return the validation figures of the checkpoints that are packed, run by run."""
    figures = {}
    for run in (find_run(command.id, POSTNETS), *(find_run(command.id, (name,)) for name in renderers)):
        update = int(re.findall(r"\d+", find_checkpoint(run, parse_steps(command.steps)).name)[-1])
        figures[run.name] = read_index(run).get(update, {})
    return figures


def hub_card(manifest: Manifest, repo: str, figures: Mapping[str, Mapping[str, float]]) -> str:
    """Write the model card: front matter that the hub reads, then the pack's own card."""
    slug = re.sub(r"[^a-z0-9.]+", "-", manifest.licence.lower()).strip("-")
    named = slug in LICENCES
    results = [
        EvalResult("talking-head", "footage", f"held-out footage of {manifest.id}", name.removeprefix("val/"), value,
                   metric_name=f"{run}: {name}")
        for run, rows in figures.items() for name, value in sorted(rows.items())
    ]  # fmt: skip
    front = ModelCardData(
        license=slug if named else "other", license_name=None if named else slug[:80] or "unnamed", tags=TAGS,
        library_name="vizeme", model_name=manifest.id, eval_results=results or None,
        consent=" ".join(manifest.consent.split()),
    )  # fmt: skip
    rows = [f"| {run} | `{name}` | {value:.6g} |" for run, row in figures.items() for name, value in row.items()]
    table = ["", "| run | figure on held-out footage | |", "|---|---|---|", *rows, ""] if rows else [""]
    fetch = f"```bash\nvizeme pull {repo}\nvizeme speak {manifest.id} speech.wav speech.mp4\n```\n"
    return f"---\n{front.to_yaml()}\n---\n\n{card(manifest)}" + "\n".join(["", "## From the hub", "", fetch, *table])


@contextmanager
def hub(repo: str) -> Iterator[HfApi]:
    """Give the hub; what it or the network refuses is told in one line.

    Raises:
        DataError: It is.
    """
    if is_quiet():
        disable_progress_bars()
    try:
        yield HfApi(library_name="vizeme")
    except Exception as error:  # the hub's library hands on what its HTTP library raises, and that has changed
        if not isinstance(error, OSError) and type(error).__module__.split(".")[0] not in _LIBRARIES:
            raise
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise DataError(f"{repo} at huggingface.co: {said}. Nothing was changed here.") from None
