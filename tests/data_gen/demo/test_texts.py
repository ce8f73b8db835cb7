from __future__ import annotations

import itertools

from data_gen.demo.texts import TRAINING, UNSEEN, letter_pairs, most_telling_first, normal


def test_unseen_sentences_are_not_in_the_training_text():
    training = [normal(text) for text in TRAINING]
    assert len(set(training)) == len(TRAINING) >= 40
    for text in UNSEEN:
        for sentence in text.split("."):
            words = normal(sentence).split()
            for start in range(len(words) - 4):
                assert not any(" ".join(words[start : start + 5]) in known for known in training)


def test_pairs_of_letters_end_with_words():
    assert letter_pairs("Mop it, he's") == [" m", "mo", "op", "p ", " i", "it", "t ", " h", "he", "e'", "'s", "s "]


def test_a_minute_of_sentences_in_telling_order_closes_the_lips_more_and_its_end_says_what_was_said_before():
    ordered = most_telling_first(TRAINING)
    assert ordered[0] == TRAINING[0]
    assert sorted(ordered) == sorted(TRAINING)

    def closures(sentences: list[str]) -> int:
        return sum(bool({*"bmp"} & {*pair}) for sentence in sentences for pair in letter_pairs(sentence))

    minute = 16
    assert closures(ordered[:minute]) > 1.3 * minute / len(TRAINING) * closures(list(TRAINING))
    before = set(itertools.chain.from_iterable(letter_pairs(sentence) for sentence in ordered[: minute - 2]))
    end = [pair for sentence in ordered[minute - 2 : minute] for pair in letter_pairs(sentence)]
    assert sum(pair in before for pair in end) > 0.7 * len(end)


def test_what_says_nothing_new_comes_last():
    home, twice, mop = "Go home.", "Go home go home.", "Mop it."
    assert most_telling_first([home, twice, mop]) == [home, mop, twice]
