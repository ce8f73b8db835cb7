"""A name in a recipe finds its task, or the nearest name."""

from __future__ import annotations

import pytest

from tasks.registry import SCHEMAS, TASKS, schema_of, task_class
from utils.errors import ConfigError


@pytest.mark.parametrize("name", TASKS)
def test_every_name_finds_a_task_whose_file_has_that_name(name):
    kind = task_class(name)
    assert kind.schema.model_fields["task_cls"] is not None
    assert kind.__module__.rsplit(".", 1)[1] == name.removeprefix("geneface_")


def test_the_settings_of_every_task_are_found_without_it():
    assert list(SCHEMAS) == list(TASKS)
    assert all(schema_of(name) is task_class(name).schema for name in TASKS)


def test_a_misspelt_name_names_the_nearest():
    with pytest.raises(ConfigError, match=r"^No task is called 'synknet'\. Did you mean 'syncnet'\? Known: syncnet, "):
        task_class("synknet")
