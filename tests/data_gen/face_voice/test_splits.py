"""Splits keep persons whole and spread labels."""

from __future__ import annotations

from collections import Counter

import pytest

from data_gen.face_voice.splits import split_persons


def test_persons_are_whole_and_labels_are_spread():
    names = [f"n{i}" for i in range(200)]
    labels = {name: "ab"[i % 4 == 0] for i, name in enumerate(names)}
    splits = split_persons(names, labels, val=0.1, test=0.1)
    assert Counter(splits.values()) == {"train": 160, "val": 20, "test": 20}
    for split in ("val", "test"):
        share = sum(labels[n] == "b" for n in names if splits[n] == split) / 20
        assert share == pytest.approx(0.25, abs=0.06)
    assert split_persons(list(reversed(names)), labels) == splits
    assert set(split_persons(["a", "b"]).values()) == {"train", "val"}
    assert Counter(split_persons(names[:20], val=0.25, test=0).values()) == {"train": 15, "val": 5}
