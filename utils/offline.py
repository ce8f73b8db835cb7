"""Whether anything may be fetched, and the free weights that a person's video wants, fetched once.

VIZEME_OFFLINE=1 (or `--offline`, where a command has it): no command fetches anything, and what is not here is
gone without.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence

from utils.asset_table import ASSETS, Asset
from utils.paths import as_typed
from utils.processes.manner import is_quiet

VARIABLE = "VIZEME_OFFLINE"
PATIENCE_S = 5.0
"""How long all servers together may take to answer before it is gone on without them."""


def is_offline() -> bool:
    """Tell whether nothing may be fetched."""
    return os.environ.get(VARIABLE, "") not in ("", "0")


def go_offline() -> None:
    """Let nothing be fetched by this process and those that it starts."""
    os.environ[VARIABLE] = "1"


def fetched_words(names: Sequence[str]) -> str:
    """List weights with size and licence: "face_landmarker (4 MB, Apache-2.0), ..."."""
    return ", ".join(f"{name} ({ASSETS[name].megabytes} MB, {ASSETS[name].licence})" for name in names)


def without_words(names: Sequence[str]) -> str:
    """Say what is done without weights: "face_landmarker: landmarks come from dlib ...; ..."."""
    return "; ".join(f"{name}: {ASSETS[name].without}" for name in names)


def reachable(names: Sequence[str], patience_s: float = PATIENCE_S) -> list[str]:
    """Return those weights whose servers all answer; they are asked at once, so that one deadline is enough for all.

    A thread is left to its fate when the time is over: what looks up names cannot be told to hurry.
    """
    answers: dict[str, bool] = {}
    threads = [
        threading.Thread(target=_ask, args=(name, ASSETS[name], patience_s, answers), daemon=True) for name in names
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + patience_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [name for name in names if answers.get(name)]


def _ask(name: str, asset: Asset, patience_s: float, answers: dict[str, bool]) -> None:
    import requests

    try:
        for part in asset.parts:
            requests.head(part.url, timeout=patience_s, allow_redirects=True).raise_for_status()
        answers[name] = True
    except (OSError, ValueError, requests.RequestException):
        answers[name] = False


def say(text: str) -> None:
    """Print a note beside the results, unless notes are left out."""
    if not is_quiet():
        print(as_typed(text), file=sys.stderr, flush=True)
