"""Hear a voice with an audio spectrogram transformer, say the face feature of its owner."""

from __future__ import annotations

from pathlib import Path

from jaxtyping import Float
from torch import Tensor, nn


class VoiceTransformer(nn.Module):
    """The audio spectrogram transformer of Gong et al. with a head for face features.

    Args:
        feature_dim: Length of the face feature.
        hidden: Width; 768 is the published one.
        layers: Blocks; 12.
        heads: Attention heads of a block; 12.
        rows: Frames of 10 ms of the input; 1024.
        stride: Step of the 16 x 16 patches both ways; 10.

    Shapes:
        banks: (B, rows, 128) float32, normalised filter banks.
        returns: (B, feature_dim) float32, not negative.
    """

    def __init__(
        self, *, feature_dim: int = 4096, hidden: int = 768, layers: int = 12, heads: int = 12, rows: int = 1024,
        stride: int = 10,
    ) -> None:  # fmt: skip
        super().__init__()
        from transformers import ASTConfig, ASTModel

        config = ASTConfig(
            hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * hidden,
            max_length=rows, frequency_stride=stride, time_stride=stride, num_mel_bins=128,
            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        )  # fmt: skip
        self.transformer = ASTModel(config)
        self.head = nn.Sequential(
            nn.LayerNorm(hidden, eps=config.layer_norm_eps), nn.Linear(hidden, feature_dim), nn.ReLU()
        )

    def forward(self, banks: Float[Tensor, "B rows 128"]) -> Float[Tensor, "B feature"]:
        """Encode; see the class."""
        return self.head(self.transformer(banks).pooler_output)

    def load_pretrained(self, folder: str | Path) -> None:
        """Take the transformer (not its AudioSet head) from a folder in transformers' layout.

        Raises:
            OSError: There is no such model there.
            ValueError: It has another shape.
        """
        from transformers import ASTModel

        loaded = ASTModel.from_pretrained(folder)
        try:
            self.transformer.load_state_dict(loaded.state_dict())
        except RuntimeError as error:
            raise ValueError(" ".join(str(error).split())[:300]) from None

    def blocks(self) -> list[nn.Module]:
        """List the transformer's blocks, first to last."""
        stacks = [m for m in self.transformer.modules() if isinstance(m, nn.ModuleList)]
        return [block for blocks in stacks for block in blocks]

    def train_only(self, last: int | None) -> None:
        """Let the head learn, and the last so-many blocks with the norm after them; None lets everything learn."""
        self.transformer.requires_grad_(last is None)
        if last:
            for block in self.blocks()[-last:]:
                block.requires_grad_(True)
            self.transformer.layernorm.requires_grad_(True)
        for parameter in self.head.parameters():
            parameter.requires_grad_(True)
