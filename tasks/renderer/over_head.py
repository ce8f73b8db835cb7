"""What the tasks share that learn something around a trained head: it is taken over, and stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from torch import Tensor

from tasks.core.loading import load_task
from tasks.renderer.base import NerfTask
from tasks.renderer.config import NETWORK, OverHeadConfig
from utils.errors import ConfigError


class OverHeadTask(NerfTask):
    """Hold a trained head still.

    The head is part of this task's weights: rendering needs this checkpoint alone. Which head it came from is recorded
    in `frozen_sources`.
    """

    cfg: OverHeadConfig

    def __init__(self, config: OverHeadConfig | dict[str, Any]) -> None:
        super().__init__(config)
        self.model = self.build()
        self.model.head.requires_grad_(False)
        self.model.decoder.requires_grad_(False)

    def build(self) -> Any:
        """Build the network, a `Renderer`."""
        raise NotImplementedError

    def take_head(self, buffers: Mapping[str, Tensor] | None = None) -> bool:
        """Take over the trained head, and set some buffers; return False when a checkpoint was loaded, which has both.

        Raises:
            ConfigError: The head has another shape than this recipe says.
        """
        if self.source or self.updates:
            return False
        folder = self.cfg.head_model_dir or f"checkpoints/{self.cfg.video_id}/lm3d_nerf"
        head = load_task(folder, self.cfg.head_ckpt_steps, kind="lm3d_nerf", setting="head_model_dir")
        assert isinstance(head, NerfTask)
        ours, theirs = self.cfg.model_dump(), head.cfg.model_dump()
        wrong = [f"{name}: {theirs[name]!r}" for name in (*NETWORK, "size") if ours[name] != theirs[name]]
        if wrong:
            raise ConfigError(f"The head in {folder} was trained with other settings. Set here too: {', '.join(wrong)}")
        state = dict(head.model.state_dict()) | dict(buffers or {})
        missing = self.model.load_state_dict(state, strict=False).missing_keys
        self.put_right(self._footage)
        assert all(name.startswith(("torso.", "portrait.", "mouth.")) for name in missing), missing
        self.frozen_sources["head"] = dict(head.source)
        return True

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.model.head.eval()
        self.model.decoder.eval()
        return self
