#!/usr/bin/env bash
# The long version of every attack on the project: kills, starvation, hostile input, hours of work. It takes hours on two
# cores; the short version is part of scripts/test.sh.
#
#   bash scripts/test_reliability.sh [TEST_FILE [ANOTHER]] [flags of pytest]
#   bash scripts/test_reliability.sh --findings [flags of pytest]
#
# All of it, or the files that are named; for example tests/reliability/test_kills.py -k syncnet.
# With --findings: the quick tests of all that once went wrong, and nothing else; prints by name what passed, and ends
# with 1 when anything did not (three minutes of processor time).
#
# VIZEME_KILLS=5 kills every command so often (20); VIZEME_FUZZ=20000 lets each fuzzer try so many examples (2000).
# Counts are printed at the end, and written to infer_out/reliability/counts.md and counts.json;
# VIZEME_RELIABILITY_OUT names another folder.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
bash scripts/setup.sh
unset PYTHONDONTWRITEBYTECODE  # with it, every process that a test starts would compile all that it imports
if [ "${1:-}" = --findings ]; then
  shift
  OMP_NUM_THREADS=1 PYTHONPATH='' exec .venv/bin/python -m tests.reliability.findings "$@"
fi
export OMP_NUM_THREADS=1 PYTHONPATH= VIZEME_KILLS="${VIZEME_KILLS:-20}"
export VIZEME_FUZZ="${VIZEME_FUZZ:-2000}" VIZEME_FIGURES="${VIZEME_FIGURES:-infer_out/reliability}"
export VIZEME_RELIABILITY_OUT="${VIZEME_RELIABILITY_OUT:-infer_out/reliability}"
all=no
if [ "$#" -eq 0 ]; then
  all=yes
  set -- tests/reliability
fi
mkdir -p "$VIZEME_RELIABILITY_OUT"
rm -f "$VIZEME_RELIABILITY_OUT"/counts*
code=0
.venv/bin/python -m pytest -vv --tb=short -m "not gpu" "$@" || code=$?
.venv/bin/python -m tests.reliability.counts "$VIZEME_RELIABILITY_OUT"
if [ "$all" = yes ]; then
  # What is long elsewhere: torchrun itself, a large network in bfloat16.
  .venv/bin/python -m pytest -q --tb=short -m "slow and not gpu" --ignore=tests/reliability tests || code=$?
  .venv/bin/python -m tests.reliability.findings || code=$?
  .venv/bin/python -m tests.reliability.hostile_table || code=$?
  .venv/bin/python -m tests.reliability.hostile_table --sweeps || code=$?
fi
exit "$code"
