"""Facts become tags, a manifest's definition and the pattern's word, and none says more than is known."""

from utils.media.marks.origin import Origin, facts_in, software_version
from utils.media.marks.pattern import Word

ORIGIN = Origin("film", "anna/lm3d_nerf", "ABCDEF" + "0" * 58, "agreed\nin  writing", "CC BY 4.0")


def test_tags_say_what_it_is_in_one_line():
    tags = ORIGIN.tags("zh")
    assert tags["title"] == "AI-generated film"
    assert tags["comment"] == (
        f"AI-generated (trainedAlgorithmicMedia) by Vizeme {software_version()}; kind: film; run: anna/lm3d_nerf; "
        f"sha256: ABCDEF{'0' * 58}; consent: agreed in writing; licence: CC BY 4.0; label: 人工智能生成"
    )
    assert tags["software"] == f"Vizeme {software_version()}"
    assert "label" not in ORIGIN.tags("none")["comment"]


def test_what_is_not_known_is_left_out():
    assert Origin("picture").facts() == {"kind": "picture", "software": f"Vizeme {software_version()}"}
    assert Origin("picture").word() == Word("picture", "000000")


def test_a_dub_is_a_composite_and_a_film_is_made():
    for kind, source in (("dub", "compositeWithTrainedAlgorithmicMedia"), ("film", "trainedAlgorithmicMedia")):
        origin = Origin(kind)
        assert origin.source_type == f"http://cv.iptc.org/newscodes/digitalsourcetype/{source}"
        (action,) = origin.definition()["assertions"][0]["data"]["actions"]
        assert (action["action"], action["digitalSourceType"]) == ("c2pa.created", origin.source_type)


def test_the_pattern_says_the_beginning_of_the_digest():
    assert ORIGIN.word() == Word("film", "abcdef")


def test_a_long_note_is_cut():
    assert len(Origin("film", consent="x" * 9000).facts()["consent"]) == 500


def test_tags_are_read_as_they_were_written_and_those_of_others_are_not():
    origin = Origin("film", "anna/lm3d_nerf", "12" * 32, licence="CC0")
    facts = facts_in(origin.tags("en"))
    assert facts == {"kind": "film", "run": "anna/lm3d_nerf", "sha256": "12" * 32, "licence": "CC0",
                     "label": "AI-generated"}  # fmt: skip
    assert facts_in({"comment": "holiday; kind: film"}) == {}
    assert facts_in({}) == {}
