#!/usr/bin/env bash
# Check everything that a change can break: style, types, tests. What needs long hours has scripts of its own.
#   bash scripts/test.sh            all of it
#   bash scripts/test.sh tests/utils -k config     arguments go to pytest instead
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh
export OMP_NUM_THREADS=1 PYTHONPATH= VIZEME_OFFLINE=1
unset PYTHONDONTWRITEBYTECODE  # with it, every process that a test starts would compile all that it imports
unset CI BUILD_NUMBER  # with one of them, pytest's last lines, which name the tests that failed, tell all of it again
if [ "$#" -gt 0 ]; then
  exec .venv/bin/python -m pytest "$@"
fi
echo "== style" && .venv/bin/ruff check .
echo "== walls" && .venv/bin/lint-imports --no-cache --no-logo
# Types are checked and the site is built beside the tests, which now and then wait: for a process, for the disk.
answers=$(mktemp -d)
.venv/bin/mypy >"$answers/types" 2>&1 &
types=$!
bash scripts/build_docs.sh >"$answers/site" 2>&1 &
site=$!
trap 'kill "$types" "$site" 2>/dev/null || true; rm -rf "$answers"' EXIT
code=0
echo "== tests" && .venv/bin/python -m pytest -n "${VIZEME_TEST_PROCESSES:-2}" --dist loadfile -m "not slow and not gpu and not browser" || code=$?
echo "== types" && wait "$types" || code=$?
cat "$answers/types"
echo "== site" && wait "$site" || code=$?
cat "$answers/site"
exit "$code"
