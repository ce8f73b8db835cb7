from __future__ import annotations

import numpy as np
import pytest

from data_gen.demo.clip import Clip
from data_gen.demo.speech import PAUSE, Speech, speak
from data_gen.demo.texts import TRAINING, UNSEEN
from data_gen.demo.visemes import is_bilabial, mouth_track, visemes_of
from utils.rates import FPS, RATE


def _said(*phonemes: tuple[str, float]) -> Speech:
    edges = np.concatenate([[0], np.cumsum([length for _, length in phonemes])])
    spans = tuple((n, float(a), float(b)) for (n, _), a, b in zip(phonemes, edges[:-1], edges[1:], strict=True))
    return Speech(np.zeros(round(edges[-1] * RATE), np.float32), spans, ())


@pytest.mark.parametrize("name", ["p", "b", "m"])
@pytest.mark.parametrize("offset", [0.0, 0.013, 0.027])
def test_a_bilabial_closes_the_lips_however_short(name: str, offset: float):
    track = mouth_track(_said((PAUSE, 0.2 + offset), ("A:", 0.2), (name, 0.03), ("A:", 0.2), (PAUSE, 0.3)))
    middle = int((0.415 + offset) * FPS)
    assert track["opening"][middle - 1 : middle + 2].min() == 0
    assert track["opening"].max() > 0.6


def test_the_mouth_is_closed_in_pauses():
    track = mouth_track(_said((PAUSE, 0.4), ("a", 0.3), (PAUSE, 0.6)))
    assert (track["opening"][:8] < 0.02).all()
    assert (track["opening"][-10:] == 0).all()
    assert track["opening"].max() > 0.5


def test_vowels_look_different():
    def held(name: str) -> dict[str, float]:
        track = mouth_track(_said((name, 0.6)))
        return {key: float(track[key][7]) for key in ("opening", "width", "rounding")}

    assert held("A:")["opening"] > held("E")["opening"] > held("u:")["opening"] > 0
    assert held("i:")["width"] > 0.5 > 0 > held("u:")["width"]
    assert held("u:")["rounding"] > 0.8


def test_neighbours_colour_a_sound():
    before_u = mouth_track(_said(("t", 0.08), ("u:", 0.3)))["rounding"][1]
    before_i = mouth_track(_said(("t", 0.08), ("i:", 0.3)))["rounding"][1]
    assert before_u > before_i + 0.2


def test_f_tucks_the_lip_and_stress_marks_do_not_matter():
    assert mouth_track(_said(("f", 0.2)))["tuck"][2] > 0.9
    assert visemes_of(",aa") == visemes_of("aa")
    assert is_bilabial("'p")
    assert not is_bilabial("f")


def test_parameters_stay_in_range(clip: Clip):
    values = clip.track.values
    assert values.min() >= -1
    assert values.max() <= 1
    assert (clip.track["opening"] >= 0).all()
    assert (clip.track["jaw"] >= clip.track["opening"]).all()


def test_every_phoneme_of_the_texts_has_a_mouth_shape():
    speech = speak(" ".join(TRAINING[::5] + UNSEEN))
    from data_gen.demo.visemes import _SCHWA

    lost = {
        n for n, _, _ in speech.phonemes if visemes_of(n) == (_SCHWA,) and not n.strip(",'").startswith(("@", "a#"))
    }
    assert not lost
