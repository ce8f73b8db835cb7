"""A header in little memory says what it said."""

from __future__ import annotations

import gc
import json
import tracemalloc

import pytest

from utils.files.array_header import Damaged, Header


def text_of(clips: int) -> bytes:
    header, sums, start = {}, {}, 0
    for clip in range(clips):
        for name, shape in (("landmarks", (75, 68, 3)), ("mel", (150, 80)), ("pitch_hz", (150,)), ("n", ())):
            size = 4
            for side in shape:
                size *= side
            header[f"{clip}/{name}"] = {"dtype": "F32", "shape": shape, "data_offsets": [start, start + size]}
            sums[f"{clip}/{name}"] = f"{start % 2**32:08x}"
            start += size
    header["__metadata__"] = {"crc32": json.dumps(sums), "who": "anna"}
    return json.dumps(header).encode()


def test_every_array_is_found_where_it_lies():
    header = Header(text_of(30), 1000, 10**9)
    assert header.names[:5] == ["0/landmarks", "0/mel", "0/pitch_hz", "0/n", "1/landmarks"]
    assert len(header.names) == 120
    assert header.metadata == {"who": "anna"}
    start = 4 * (75 * 68 * 3 + 150 * 80 + 150 + 1)
    assert header.entry(header.find("1/landmarks")) == ("<f4", (75, 68, 3), start, start)
    assert header.entry(header.find("0/n")).shape == ()
    assert header.find("1/landmark") is None
    assert header.find("zzz") is None


def test_five_hundred_clips_take_little_memory():
    text = text_of(500)
    Header(text_of(1), 0, 10**12)  # what the first reading sets up once is not counted
    tracemalloc.start()
    headers = [Header(text, 8 + len(text), 10**12) for _ in range(3)]
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert headers[2].find("499/mel") is not None
    assert kept / 3 < 200_000


@pytest.mark.parametrize(("size", "words"), [(10**6, "cut off"), (10**9, "checksums are missing")])
def test_a_header_that_does_not_fit_is_refused(size, words):
    text = text_of(30)
    with pytest.raises(Damaged, match=words):
        Header(text.replace(b"0/n", b"0/m", 1) if "sums" in words else text, 1000, size)
