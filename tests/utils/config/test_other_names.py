"""Names of other projects are answered in one line with what they are called here."""

from __future__ import annotations

import pytest

from data_gen.run import main as make_data
from tasks import run
from tasks.registry import TASKS, schema_of
from utils.config.other_names import OTHER_NAMES, other_name
from utils.errors import ConfigError

RECIPE = "--config=egs/datasets/face_voice/ve_ast.yaml"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--early-stopping-patience", "5"], "early-stopping-patience is here --early_stopping_patience"),
        (["--save-folder-path=out"], "save-folder-path is here --exp_name"),
        (["--gpu", "1"], "gpu is here --trainer.accelerator=gpu or cpu; which GPU it is, says CUDA_VISIBLE_DEVICES"),
        (["--num-epochs=100"], "num-epochs: updates are counted here: --max_updates = epochs x samples / batch_size"),
        (["--set", "remove=true"], "remove: no command deletes a run: --reset sets it aside"),
    ],
)
def test_a_flag_of_another_project_is_answered(words, said):
    with pytest.raises(ConfigError) as error:
        run.main([RECIPE, "--exp_name=x", *words])
    assert str(error.value).split("\n")[1:] == [f"  {said}"]


def test_flags_of_the_makers_of_data_are_answered_too():
    with pytest.raises(ConfigError, match=r"^--out: missing|--save-dir is here --out"):
        make_data(["face_voice", "--data-dir", "persons", "--save-dir", "made"])


def test_a_name_that_is_here_is_no_name_of_another_project():
    assert other_name("lr") is None
    assert other_name("lr", {"lr"}) is None
    assert other_name("batch-size", {"batch_size"}) == "batch-size is here --batch_size"
    assert other_name("no-such-thing", {"batch_size"}) is None


def test_what_the_table_answers_with_is_here():
    """Each flag that an answer names is a setting of a task or a flag of a door; the page's test looks at the rest."""
    fields = set(run.RunCommand.model_fields) | {"validate", "out", "persons", "workers", "val", "test", "video"}
    for task in TASKS:
        fields |= set(schema_of(task).model_fields)
    answers = [text for names in OTHER_NAMES.values() for text in names.values()]
    flags = {word.strip(":;,").split("=")[0] for text in answers for word in text.split() if word.startswith("--")}
    assert not [flag for flag in flags if flag[2:].split(".")[0] not in fields]
