"""What is no data is refused with the command that makes it."""

from __future__ import annotations

import pytest

from data_gen.clips.presence import refuse_missing
from utils.errors import DataError


def test_a_folder_without_data_is_refused_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(DataError, match=r"No processed video at .*anna\. Make it with: .* video --id anna --video "):
        refuse_missing(tmp_path / "videos" / "anna", "mel")
    with pytest.raises(DataError, match=r"No clips at .*lrs3\. Make them with: .* --audio_features hubert$"):
        refuse_missing(tmp_path / "lrs3", "hubert")


@pytest.mark.parametrize("name", ["meta.json", "index.json"])
def test_a_folder_with_data_passes(tmp_path, name):
    (tmp_path / name).write_text("{}")
    refuse_missing(tmp_path, "mel")
