"""Settings of the task `ear`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tasks.core.config import TaskConfig
from utils.config.schema import Config, Count, Fraction, Weight


class EarWeights(Config):
    """How much each loss counts; all on rows whose channels have mean 0 and spread 1."""

    mse: Weight = 1.0
    """Squared error."""
    cosine: Weight = 0.5
    """One minus the cosine with the teacher's row."""
    change: Weight = 1.0
    """Squared error of what changes from row to row."""
    acceleration: Weight = 0.3
    """Squared error of how that change changes."""


class EarDisturbance(Config):
    """How the sound is disturbed while training; the teacher hears it undisturbed."""

    room: Fraction = 0.3
    """Share of the sounds that echo."""
    noise: Fraction = 0.6
    """Share with noise or another voice, 5 to 35 dB below."""
    gain_db: Weight = 8.0
    """Louder or softer by up to so much."""
    tilt: Fraction = 0.4
    """Share that is darker or brighter."""
    telephone: Fraction = 0.1
    """Share without what lies above 3.5 kHz."""


class EarConfig(TaskConfig):
    """Settings of the task `ear`."""

    binary_data_dir: str = "data/binary/speech"
    """Speech with what a large speech model hears in it: data_gen/run.py speech."""
    channels: Count = 192
    """Width of a block."""
    kernel: Annotated[int, Field(ge=2, le=101)] = 11
    """Rows that a block's convolution hears."""
    rows_ahead: list[Annotated[int, Field(ge=0, le=50)]] = [2, 2, 2, 2, 1, 1, 1, 1]
    """For each block, how many of those lie ahead; together, and 28 ms, the look ahead."""
    expansion: Count = 3
    """Hidden width of a block's perceptron, in channels."""
    batch_size: Count = 12
    """Windows in a batch."""
    window_rows: Count = 200
    """Rows (50/s) of a training window that count."""
    warmup_updates: Count = 150
    """Updates until the step size is what `lr` says; from then on it falls along a cosine to nothing."""
    weight_decay: Weight = 0.02
    """Of AdamW."""
    eval_max_batches: Count = 20
    """Validate on at most so many batches."""
    disturb: EarDisturbance = EarDisturbance()
    """Disturbances of the sound."""
    weights: EarWeights = EarWeights()
    """Weights of the losses."""
