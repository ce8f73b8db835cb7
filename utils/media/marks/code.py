"""A few bits that survive noise: what the mark in the pictures says, with a checksum, in a convolutional code.

Constraint length 7, rate 1/3 (generators 133, 145, 175 octal), ended in the state of zeros; decoded by Viterbi's rule
from soft values, which is worth some five decibels against deciding each bit alone.
"""

from __future__ import annotations

import numpy as np

from utils.arrays import Bytes, Floats

BITS = 32
"""Bits that are said; 16 more check them."""
_CHECK = 16
_GENERATORS = (0o133, 0o145, 0o175)
_MEMORY = 6
CODE = (BITS + _CHECK + _MEMORY) * len(_GENERATORS)
"""Bits that are sent."""


def _sent(state: int, bit: int) -> list[int]:
    register = (state << 1 | bit) & 0x7F
    return [(register & generator).bit_count() & 1 for generator in _GENERATORS]


_BRANCH: Floats = np.array([[_sent(state, bit) for bit in (0, 1)] for state in range(64)], np.float32) * 2 - 1
_STATES = np.arange(64)
_BEFORE = np.stack([_STATES >> 1, _STATES >> 1 | 32], axis=1)
_BIT = (_STATES & 1)[:, None]


def checksum(bits: list[int]) -> int:
    """Return the CRC-16 (CCITT, from 0xFFFF) of bits, the first one sent first."""
    register = 0xFFFF
    for bit in bits:
        register = (register << 1 & 0xFFFF) ^ (0x1021 if register >> 15 ^ bit else 0)
    return register


def encode(word: int) -> Bytes:
    """Return the `CODE` bits, 0 or 1, that are sent for a word of `BITS` bits."""
    return np.array(_sent_for(_checked(word)), np.uint8)


def _checked(word: int) -> list[int]:
    bits = [word >> place & 1 for place in reversed(range(BITS))]
    check = checksum(bits)
    return bits + [check >> place & 1 for place in reversed(range(_CHECK))]


def _sent_for(bits: list[int]) -> list[int]:
    state, sent = 0, []
    for bit in [*bits, *[0] * _MEMORY]:
        sent += _sent(state, bit)
        state = (state << 1 | bit) & 0x3F
    return sent


def decode(soft: Floats) -> tuple[int | None, Bytes]:
    """Read a word from soft values (CODE,), above 0 for a bit of 1 and the further the surer.

    Returns:
        The word, None when its checksum is wrong; and the `CODE` bits that would have been sent for what was read.
    """
    steps = soft.reshape(-1, len(_GENERATORS)).astype(np.float64)
    score = np.full(64, -1e12)
    score[0] = 0
    choices = []
    for step in steps:
        candidates = score[_BEFORE] + (_BRANCH @ step)[_BEFORE, _BIT]
        choice = candidates.argmax(axis=1)
        choices.append(choice)
        score = candidates[_STATES, choice]
    state, bits = 0, []
    for choice in reversed(choices):
        bits.append(state & 1)
        state = int(_BEFORE[state, choice[state]])
    bits = bits[::-1][: BITS + _CHECK]
    word = int("".join(map(str, bits[:BITS])), 2)
    return word if _checked(word) == bits else None, np.array(_sent_for(bits), np.uint8)
