"""Load the talking head that a command is about."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

from tasks.core.checkpoints import parse_steps
from tasks.person.head import TalkingHead
from tasks.person.settings import BatchCommand, DubCommand, EvaluateCommand, InferCommand, PlayCommand, settings_of


def load_head(
    command: InferCommand | DubCommand | BatchCommand | PlayCommand | EvaluateCommand,
    asked: Mapping[str, Any] | None = None
) -> TalkingHead:
    """Load the head of a command's person, with its settings and those that the command itself asks for."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    return TalkingHead.load(
        command.id,
        renderer=command.renderer,
        device=command.device,
        steps=parse_steps(command.steps),
        seed=command.seed,
        settings={**settings_of(command), **(asked or {})},
    )
