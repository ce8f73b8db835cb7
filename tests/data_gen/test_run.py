"""The door of data: its commands, and where one of them went."""

from __future__ import annotations

import pytest

from data_gen import run
from utils.errors import ConfigError


def test_without_words_the_commands_are_listed(capsys):
    assert run.main([]) == 0
    text = capsys.readouterr().out
    assert [line.split()[0] for line in text.splitlines() if line.startswith("  ")][:3] == ["video", "demo", "clips"]
    assert "check" not in text


def test_a_misspelt_command_names_the_nearest():
    with pytest.raises(ConfigError, match=r"^No command is called 'vido'\. Did you mean 'video'\?"):
        run.main(["vido"])


def test_a_command_that_moved_names_its_new_place():
    with pytest.raises(ConfigError, match=r"python tasks/talking_head\.py check ID$"):
        run.main(["check", "--id", "anna"])


def test_all_slips_of_a_command_are_told_at_once():
    with pytest.raises(ConfigError) as error:
        run.main(["video", "--vido", "a.mp4", "--size", "many"])
    assert "--vido" in str(error.value)
    assert "--size" in str(error.value)
