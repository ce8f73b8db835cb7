"""Write a checkpoint as safetensors, with a model card that says what it is, what it was made of and how good it is."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import yaml

from data_gen.origins import permissions
from tasks.core.checkpoints import read_checkpoint, read_index
from tasks.registry import TASKS
from utils.errors import ConfigError
from utils.files.aside import write_aside
from utils.files.digests import sha256
from utils.files.ownership import refuse_input_as_output
from utils.paths import ROOT, show_path

LICENCES = {
    "geneface": "code: MIT; the weights were trained on LRS3 or a person's video, ask who trained them",
    "speech2face": "code: MIT; the weights were trained on VoxCeleb, VGG-Face's are for research only",
    "rbh24": "the original states none; InsightFace's recognisers are for non-commercial research",
    "wav2pix": "code: GPL-3.0; the weights were trained on videos of YouTubers, ask who trained them",
}
"""What is known of the licences of the projects that are imported from."""
UNKNOWN = "not stated"
_PLACE = re.compile(
    r"(?<![\w./~-])(?:(?:~[\w.-]*|\.{1,2}|[A-Za-z]:|file:/)?[/\\]+|(?:[^\s'\",;|@]{0,200}[/\\])?\.\.[/\\])[^\s'\",;|/\\][^\s'\",;|]*"
)
"""A path that says something of this machine: it begins at the root, at a home, at a drive or above."""


def write_safetensors(
    path: Path, out: Path | None, *, raw: bool, said: tuple[str, str], half: bool = False
) -> tuple[Path, Path]:
    """Write the weights of a checkpoint and a card beside them; return both paths.

    Args:
        path: The checkpoint.
        out: The file; None: `export/<task>.safetensors` beside the checkpoint.
        raw: The weights that training goes on with, where inference uses an average.
        said: Licence and consent as the user says; empty: as the data says.
        half: Write floating-point numbers as float16.

    Raises:
        ConfigError: There are no raw weights, `out` is named otherwise, or what lies there is not ours.
    """
    from safetensors.torch import save_file

    checkpoint = read_checkpoint(path)
    notes = checkpoint["vizeme"]
    state = checkpoint["state_dict"]
    if raw:
        if "raw_state" not in notes:
            raise ConfigError(f"{show_path(path)} was trained without ema_decay; its weights are used as they are.")
        state = notes["raw_state"]
    out = out or path.parent / "export" / f"{notes['recipe']['task_cls']}.safetensors"
    if out.suffix != ".safetensors":
        raise ConfigError(f"--out {out}: let the name end in .safetensors.")
    card_path = out.with_suffix(".md")
    refuse_input_as_output(out, [path], "--out")
    refuse_other_text(card_path)
    facts = tell(path, notes, raw=raw, said=said)
    with write_aside(out) as aside:
        tensors = {name: value.detach().contiguous().clone() for name, value in state.items()}
        if half:
            tensors = {name: value.half() if value.is_floating_point() else value for name, value in tensors.items()}
        save_file(tensors, aside, {"format": "pt", "vizeme": json.dumps(facts, sort_keys=True)})
        settle(aside)
    count = sum(value.numel() for value in state.values())
    with write_aside(card_path) as aside:
        aside.write_text(card(facts, out, count), encoding="utf-8")
    return out, card_path


def settle(file: Path) -> None:
    """Put what a safetensors file says of itself in the order of its names: its writer takes another one every time."""
    with file.open("r+b") as opened:
        size = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
        if len(text) <= size:
            opened.seek(8)
            opened.write(text.ljust(size))


def refuse_other_text(card_path: Path) -> None:
    """Refuse to write a card over a text that is none.

    Raises:
        ConfigError: There is one.
    """
    if os.path.lexists(card_path):
        try:
            ours = "python tasks/import_checkpoint.py " in card_path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            ours = False
        if not ours:
            raise ConfigError(f"{card_path} lies where the model card goes, and is none. Give --out another name.")


def tell(path: Path, notes: dict[str, Any], *, raw: bool, said: tuple[str, str]) -> dict[str, Any]:
    """Return all that is known of a checkpoint, as plain data without a path of this machine."""
    recipe, imported = notes["recipe"], notes.get("imported", {})
    licence, consent = permissions(recipe, str(notes.get("data_fingerprint", "")))
    project = str(imported.get("source", "")).partition("/")[0]
    return portable({
        "task": recipe["task_cls"], "updates": notes["updates"], "recipe": recipe,
        "weights": "raw" if raw else "averaged" if "raw_state" in notes else "as trained",
        "data_fingerprint": notes.get("data_fingerprint", ""), "extra": notes.get("extra", {}),
        "frozen": notes.get("frozen", {}), "imported": imported,
        "metrics": read_index(path.parent).get(int(notes["updates"]), {}),
        "licence": said[0] or licence or LICENCES.get(project, UNKNOWN), "consent": said[1] or consent or UNKNOWN,
    })  # fmt: skip


def portable(value: Any) -> Any:
    """Return plain data whose absolute paths are relative to the project, or only a name when they lie elsewhere."""
    if isinstance(value, dict):
        return {without_places(str(key)): portable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [portable(item) for item in value]
    return without_places(value) if isinstance(value, str) else value


def without_places(text: str) -> str:
    """Return a text in which of every path that begins at the root, at a home or above only the last name is left.

    A path within the project becomes relative to it. What is no path stays: `5e-4/2`, `read/write`, a web address.
    """
    text = text.replace(f"{ROOT}/", "")
    before, at, path = text.rpartition("@")  # of `model@path`
    if _PLACE.match(path) and "\n" not in path:  # all of it is the path, though a folder's name have blanks
        return without_places(before) + at + _last_name(path)
    return _PLACE.sub(
        lambda match: match[0] if text[: match.start()].endswith(("http:", "https:")) else _last_name(match[0]), text
    )


def _last_name(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


def card(facts: dict[str, Any], out: Path, count: int) -> str:
    """Return the model card as Markdown."""
    what = TASKS.get(facts["task"], ("", ""))[1]
    rows = {
        "File": f"`{out.name}`", "SHA-256": f"`{sha256(out)}`", "Numbers": f"{count:,}",
        "Task": f"`{facts['task']}`: {what}", "Updates": f"{facts['updates']:,}", "Weights": facts["weights"],
        "Data fingerprint": f"`{facts['data_fingerprint']}`" if facts["data_fingerprint"] else UNKNOWN,
        "Licence": facts["licence"], "Consent": facts["consent"],
    }  # fmt: skip
    lines = [
        f"# {facts['task']}",
        "",
        "| | |",
        "|---|---|",
        *(f"| {key} | {_cell(value)} |" for key, value in rows.items()),
    ]
    lines += ["", "## Validation figures", ""]
    lines += [f"- `{name}`: {value:.6g}" for name, value in sorted(facts["metrics"].items())] or ["None are kept."]
    if facts["imported"]:
        lines += ["", "## Where it comes from", "", f"- source: {facts['imported'].get('source', UNKNOWN)}"]
        lines += [f"- file: `{facts['imported'].get('file', '')}`, SHA-256 `{facts['imported'].get('sha256', '')}`"]
        lines += [f"- {name}: {text}" for name, text in facts["imported"].get("preprocessing", {}).items()]
    if facts["frozen"]:
        lines += ["", "## Trained against", ""]
        lines += [f"- {name}: SHA-256 `{source.get('sha256', UNKNOWN)}`" for name, source in facts["frozen"].items()]
    recipe = yaml.safe_dump(facts["recipe"], sort_keys=False, allow_unicode=True)
    lines += ["", "## Recipe", "", "```yaml", recipe.rstrip(), "```", "", "## Use", ""]
    lines += ["```bash", f"python tasks/import_checkpoint.py {out.name} --exp_name shared/{facts['task']}", "```", ""]
    lines += ["A face or a voice belongs to a person. Use this network only for people who agreed to it.", ""]
    return "\n".join(lines)


def _cell(text: object) -> str:
    return " ".join(str(text).replace("|", "\\|").split())
