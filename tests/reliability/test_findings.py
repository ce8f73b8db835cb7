"""Whatever once went wrong is held by a quick test that exists, and a count that misses one says so."""

from __future__ import annotations

import ast

import pytest

from tests.reliability.findings import CASES, FAULTS, ROOT, Outcomes, functions_in, standing, table

TESTS = sorted({test for names in (FAULTS, CASES) for tests in names.values() for test in tests})


def test_every_name_has_tests_that_are_there():
    assert all(tests for names in (FAULTS, CASES) for tests in names.values())
    assert not set(FAULTS) & set(CASES)
    files = {test.partition("::")[0] for test in TESTS}
    there = {f"{file}::{name}" for file in files if (ROOT / file).is_file() for name in functions_in(ROOT / file)}
    assert set(TESTS) <= there


def test_the_page_counts_as_the_table_does():
    page = (ROOT / "docs/reliability.md").read_text()
    assert f"| **all faults** | **{len(FAULTS)}** |" in page
    assert f"| **all cases** | **{len(CASES)}** |" in page


def test_none_of_them_is_left_out_of_the_quick_tests():
    for file in {test.partition("::")[0] for test in TESTS}:
        for node in ast.parse((ROOT / file).read_text()).body:
            if isinstance(node, ast.FunctionDef) and f"{file}::{node.name}" in TESTS:
                marks = {ast.unparse(mark).partition("(")[0] for mark in node.decorator_list}
                assert not marks & {f"pytest.mark.{name}" for name in ("slow", "gpu", "skip", "xfail")}, node.name


def test_the_attacks_and_cases_of_the_tests_here_are_all_in_the_table():
    """What is added to the files of former attacks gets a name too."""
    for name in ("nothing_is_deleted", "strangers", "endless"):
        file = f"tests/reliability/test_{name}.py"
        assert {f"{file}::{test}" for test in functions_in(ROOT / file) if test.startswith("test_")} <= set(TESTS)


@pytest.mark.parametrize(
    ("outcomes", "word"),
    [
        ({"a": "passed", "b": "passed"}, "passed"),
        ({"a": "passed"}, "missing"),
        ({"a": "skipped", "b": "passed"}, "skipped"),
        ({"a": "failed"}, "failed"),
    ],
)
def test_a_name_stands_only_when_all_its_tests_passed(outcomes, word):
    assert standing(["a", "b"], outcomes) == word
    assert standing([], outcomes) == "missing"


def test_the_table_counts_and_one_that_is_missing_fails_it():
    text, whole = table(dict.fromkeys(TESTS, "passed"))
    assert whole
    assert f"{len(FAULTS)} of {len(FAULTS)} passed" in text
    text, whole = table(dict.fromkeys(TESTS[1:], "passed"))
    assert not whole
    assert "| missing |" in text


def test_one_failing_parameter_fails_a_test():
    outcomes = Outcomes()
    for parameter, outcome, when in (("1", "passed", "call"), ("2", "failed", "call"), ("3", "passed", "call")):
        longrepr = "" if outcome == "passed" else "assert"
        outcomes.pytest_runtest_logreport(
            pytest.TestReport(f"x.py::test_a[{parameter}]", ("x.py", 1, "a"), {}, outcome, longrepr, when)
        )
    assert outcomes.of == {"x.py::test_a": "failed"}
