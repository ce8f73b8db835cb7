"""Load the talking head that a command is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.core.checkpoints import parse_steps
from tasks.person.head import TalkingHead
from tasks.person.settings import HeadCommand, LooksCommand, settings_of


def load_head(command: HeadCommand, asked: Mapping[str, Any] | None = None) -> TalkingHead:
    """Load the head of a command's person, with its settings and those that the command itself asks for."""
    head = TalkingHead.load(
        command.id,
        renderer=command.renderer,
        device=command.device,
        steps=parse_steps(command.steps),
        seed=command.seed,
        settings={**settings_of(command), **(asked or {})},
    )
    if isinstance(command, LooksCommand) and command.size is not None:
        scale = command.size / float(head.renderer.model.scene.size[0])
        head.settings = head.settings.model_copy(update={"infer_scale_factor": scale})
    return head
