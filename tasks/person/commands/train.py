"""Train one person's talking head, as the command line asks."""

from __future__ import annotations

from tasks.person.settings import TrainCommand
from tasks.person.train import train_person


def main(command: TrainCommand) -> int:
    """Train what is not trained yet."""
    hearing = [f"audio_feature={command.audio_feature}"] if command.audio_feature else []
    return train_person(
        command.id,
        preset=command.preset,
        settings=[*hearing, *command.settings],
        binary_dir=command.binary_data_dir,
        reset=command.reset,
        dry_run=command.dry_run,
    )
