"""What the presenter says: short sentences that hold every English sound, and some kept apart as unseen."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

TRAINING: tuple[str, ...] = (
    "Good morning, and welcome to the harbour.",
    "My name is on the yellow paper by the window.",
    "The boy put both apples back in the blue box.",
    "Please bring me five fresh figs from the farm.",
    "She sells smooth stones beside a shallow stream.",
    "We walked all week while the wind was warm.",
    "Judge Jackson joined a large jazz orchestra in June.",
    "Those three brothers thought about the weather together.",
    "Maybe Bob made a map of the mountain.",
    "The young king sang a long song in spring.",
    "Very few voices have ever moved him so far.",
    "Look at the good cook push the full pot.",
    "Pure water poured over the poor old door.",
    "A green leaf fell between the wheels.",
    "Do you choose to move to the moon soon?",
    "He gave a vague reply and then laughed aloud.",
    "The measure of pleasure is a usual question.",
    "Eight pale ladies waited late at the gate.",
    "I might try to buy a fine kite tonight.",
    "How now, said the loud owl in our house.",
    "The noisy toy annoyed the boy next door.",
    "Go home slowly, the road is cold and broken.",
    "Father parked the car far from the calm garden.",
    "Her first word was heard around the world.",
    "That happy man has a black cat on his lap.",
    "Red pepper and bread are better than eggs.",
    "Six thin fish swim in the thick ink.",
    "Some young monkeys love the lucky summer sun.",
    "Tall Paul caught a small ball at dawn.",
    "Which witch wished for a watch and a cheap chair?",
    "Nothing rings quite like a ripe peach in a quiet kitchen.",
    "Mop the floor before the pump breaks.",
    "Pick up a big bag of beans for mum and papa.",
    "Every evening the village river gives us silver waves.",
    "The photographer prefers to prepare for a brief performance.",
    "Where there is air, there are birds, and they are rare.",
    "Two clear ears are near enough to hear a deer.",
    "Can you tell the difference between a yacht and a yard?",
    "Zebras amaze us, because their zigzag lines are easy to see.",
    "Ask the captain to count all the coloured cups.",
    "People often help when problems become complex.",
    "An empty room makes a simple sound.",
    "Open the umbrella, my beloved, it may rain.",
    "The chef chose fresh fish and a special sauce.",
    "You should not have put the wooden hook in the book.",
    "They say a gray day in May is a way to play.",
    "Warm bread, butter and plum jam on a plate.",
    "This machine remembers what the mouth must do.",
    "Each page of the old album shows a different town.",
    "Finally, everybody clapped, and the poem came to an end.",
)
"""Sentences of the training video."""

UNSEEN: tuple[str, ...] = (
    "We saw the photograph of a bubble above the bay. Nobody moved, but everyone began to smile.",
    "Tomorrow a famous pilot will visit the museum. She wants to explain how she flew past the storm.",
    "Perhaps the best maps are made by people who get lost. Have you ever been far away from home?",
)
"""Sentences that are never in a training video."""


def normal(text: str) -> str:
    """Return the words alone, in small letters."""
    return " ".join(re.findall(r"[a-z']+", text.lower()))


_LIPS = frozenset("bmp")
_LIPS_COUNT = 3.0
"""How much more a pair of letters counts that closes the lips: whether they do is what is seen first."""


def most_telling_first(sentences: Sequence[str]) -> list[str]:
    """Order sentences so that each says most, for its length, of what those before it said least; the first stays.

    Pairs of letters stand for sounds beside each other. So a short video holds nearly all that English lips do, and its
    end, by which what was learnt from the rest is judged, says a bit of everything.
    """
    left = {sentence: letter_pairs(sentence) for sentence in sentences}
    said: Counter[str] = Counter()
    ordered: list[str] = []

    def news(sentence: str) -> float:
        pairs = Counter(left[sentence])
        new = {pair: math.sqrt(said[pair] + count) - math.sqrt(said[pair]) for pair, count in pairs.items()}
        return sum(n * (_LIPS_COUNT if _LIPS & set(pair) else 1) for pair, n in new.items()) / len(left[sentence])

    while left:
        ordered.append(max(left, key=news) if ordered else sentences[0])
        said.update(left.pop(ordered[-1]))
    return ordered


def letter_pairs(text: str) -> list[str]:
    """List the pairs of letters beside each other in the words of a text, a word's ends with a space."""
    return [a + b for word in normal(text).split() for a, b in zip(f" {word}", f"{word} ", strict=True)]
