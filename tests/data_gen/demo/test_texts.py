from __future__ import annotations

from data_gen.demo.texts import TRAINING, UNSEEN, normal


def test_unseen_sentences_are_not_in_the_training_text():
    training = [normal(text) for text in TRAINING]
    assert len(set(training)) == len(TRAINING) >= 40
    for text in UNSEEN:
        for sentence in text.split("."):
            words = normal(sentence).split()
            for start in range(len(words) - 4):
                assert not any(" ".join(words[start : start + 5]) in known for known in training)
