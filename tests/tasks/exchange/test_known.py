"""The table of words and the table of converters name the same sources."""

from __future__ import annotations

import pytest

from tasks.exchange.known import KNOWN, refuse_unknown
from tasks.exchange.registry import sources
from tasks.registry import TASKS
from utils.errors import ConfigError


def test_every_converter_is_in_the_table_and_every_task_exists():
    assert [source.name for source in sources()] == list(KNOWN)
    assert {task for task, _ in KNOWN.values()} - set(TASKS) == {""}
    assert all(source.what == KNOWN[source.name][1] for source in sources())


def test_a_source_that_is_none_names_the_nearest():
    with pytest.raises(ConfigError, match=r"^No source is called 'geneface/syncnt'\. Did you mean geneface/syncnet\?"):
        refuse_unknown("geneface/syncnt")
