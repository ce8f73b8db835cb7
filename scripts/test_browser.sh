#!/usr/bin/env bash
# Look at the studio's pages in a real browser: from a film to a speaking person, by mouse and keyboard, wide, at 360
# pixels and in the dark, with a server that dies. About 15 minutes on two cores.
#
#   bash scripts/test_browser.sh [flags of pytest]
#
# Needs chromium (VIZEME_CHROMIUM names another than the one on the path); playwright and axe-core come into .venv.
# VIZEME_BROWSER_OUT=FOLDER keeps the screenshots; VIZEME_BROWSER_HOME=FOLDER looks at the one person of that home, of
# which a copy is made, in place of an untrained one; VIZEME_BROWSER_FILM=FILE begins with that film in place of a made one.
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
begin "$@"
bash scripts/setup.sh
if ! "$PYTHON" -c 'import axe_core_python, playwright' 2>/dev/null; then
  "$PYTHON" -m pip --disable-pip-version-check --no-input install playwright==1.65.2 axe-core-python==0.1.0
fi
OMP_NUM_THREADS=1 PYTHONPATH='' exec "$PYTHON" -m pytest tests/browser -m browser -rs "$@"
