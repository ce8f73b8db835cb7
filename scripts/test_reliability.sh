#!/usr/bin/env bash
# The long version of every attack on the project: kills, starvation, hostile input, hours of work. It takes hours on two
# cores; the short version is part of scripts/test.sh.
#
#   bash scripts/test_reliability.sh                       all of it
#   bash scripts/test_reliability.sh tests/reliability/test_kills.py -k syncnet     arguments go to pytest instead
#
# VIZEME_KILLS=5 kills every command so often (20). Counts are printed at the end, and written to
# infer_out/reliability/counts.md and counts.json; VIZEME_RELIABILITY_OUT names another folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh
export OMP_NUM_THREADS=1 PYTHONPATH= VIZEME_KILLS="${VIZEME_KILLS:-20}"
export VIZEME_RELIABILITY_OUT="${VIZEME_RELIABILITY_OUT:-infer_out/reliability}"
if [ "$#" -eq 0 ]; then
  set -- tests/reliability
fi
mkdir -p "$VIZEME_RELIABILITY_OUT"
rm -f "$VIZEME_RELIABILITY_OUT"/counts*
code=0
.venv/bin/python -m pytest -vv --tb=short -m "not gpu" "$@" || code=$?
.venv/bin/python -m tests.reliability.counts "$VIZEME_RELIABILITY_OUT"
exit "$code"
