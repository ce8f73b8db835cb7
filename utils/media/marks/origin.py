"""What a film or picture says of itself: what it is, which software and network made it, and by whose leave."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from utils.media.marks.label import TEXTS
from utils.media.marks.pattern import Word
from utils.media.marks.settings import Kind
from utils.paths import ROOT

SOFTWARE = "Vizeme"
ASSERTION = "org.vizeme.origin"
"""What the manifest's part that holds an origin is called."""
_SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_MADE, _COMPOSED = "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"
_LONGEST = 500

@cache
def software_version() -> str:
    """Return this program's version, of a checkout too."""
    try:
        return version("vizeme")
    except PackageNotFoundError:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return str(project["version"])


@dataclass(frozen=True)
class Origin:
    """Where a film or picture comes from.

    Attributes:
        kind: What it is.
        run: Name of the trained run that drew it.
        sha256: Of that run's checkpoint; empty when not known.
        consent, licence: As the training data says.
    """

    kind: Kind
    run: str = ""
    sha256: str = ""
    consent: str = ""
    licence: str = ""

    @property
    def source_type(self) -> str:
        """Return the IPTC's address of what it is: made, or true pictures with something made in them."""
        return _SOURCES + (_COMPOSED if self.kind in ("dub", "comparison") else _MADE)

    def word(self) -> Word:
        """Return what the pattern in the pictures says."""
        return Word(self.kind, self.sha256[:6].lower() or "000000")

    def facts(self) -> dict[str, str]:
        """Return everything as plain data, what is not known left out."""
        pairs = vars(self) | {"software": f"{SOFTWARE} {software_version()}"}
        return {name: _short(value) for name, value in pairs.items() if value}

    def tags(self, label: str) -> dict[str, str]:
        """Return title, comment and software; `label` is as `infer_label`."""
        said = [f"{name}: {value}" for name, value in self.facts().items() if name != "software"]
        said += [f"label: {TEXTS[label]}"] if label in TEXTS else []
        kind = self.source_type.removeprefix(_SOURCES)
        what = "AI-generated" if kind == _MADE else "AI-generated in part"
        return {
            "title": f"{what} {self.kind}",
            "comment": f"{what} ({kind}) by {SOFTWARE} {software_version()}; {'; '.join(said)}",
            "software": f"{SOFTWARE} {software_version()}",
        }

    def definition(self) -> dict[str, Any]:
        """Return what the manifest says, as c2pa's builder takes it."""
        agent = {"name": SOFTWARE, "version": software_version()}
        created = {"action": "c2pa.created", "digitalSourceType": self.source_type, "softwareAgent": agent}
        return {
            "claim_generator_info": [agent],
            "title": self.tags("")["title"],
            "assertions": [
                {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
                {"label": ASSERTION, "data": self.facts()},
            ],
        }


def facts_in(tags: Mapping[str, str]) -> dict[str, str]:
    """Return what the tags of a file say when this program wrote them, by the names of `Origin`; else nothing."""
    comment = tags.get("comment", "")
    parts = comment.split("; ")[1:] if f" by {SOFTWARE} " in comment else []
    return {name: value for name, _, value in (part.partition(": ") for part in parts) if value}


def _short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]
