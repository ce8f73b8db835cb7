"""A picture of a film's frames says what the film said, and of a true film nothing."""

from __future__ import annotations

from utils.media.ffmpeg import run
from utils.media.marks.manifest import read_manifest
from utils.media.marks.marks import Marks
from utils.media.marks.origin import Origin
from utils.media.marks.passed_on import passed_on
from utils.media.marks.tags import film_arguments

from .made import film

MADE = Origin("dub", "anna/lm3d_nerf", "12" * 32, "agreed", "CC0")


def test_a_signed_film_passes_all_of_it_on(tmp_path):
    assert passed_on(film(tmp_path / "made.mp4", Marks(MADE))).origin == Origin(
        "comparison", "anna/lm3d_nerf", "12" * 32, "agreed", "CC0"
    )


def test_tags_are_enough_and_what_is_no_digest_is_left_out(tmp_path):
    plain = film(tmp_path / "plain.mp4")
    tags = Origin("film", "anna/lm3d_nerf", "no digest").tags("none")
    run(["-y", "-i", f"file:{plain}", *film_arguments(tags), f"file:{tmp_path / 'tagged.mp4'}"], 60, "tagging")
    assert read_manifest(tmp_path / "tagged.mp4") is None
    assert passed_on(tmp_path / "tagged.mp4").origin == Origin("picture", "anna/lm3d_nerf")


def test_a_true_film_passes_nothing_on(tmp_path):
    assert passed_on(film(tmp_path / "true.mp4")) is None
