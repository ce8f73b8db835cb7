#!/usr/bin/env bash
# Make .venv from nothing, with the exact versions of requirements.lock. Running it again is quick.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# pip goes into .venv and nowhere else, whatever the user has set for other work.
unset PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV PYTHONHOME
# What is compiled at the end is kept: with this, every command would compile torch anew, 20 seconds of a processor.
unset PYTHONDONTWRITEBYTECODE

stamp=.venv/.vizeme-lock
if [ -f "$stamp" ] && cmp -s "$stamp" requirements.lock && .venv/bin/python -c '' 2>/dev/null; then
  exit 0
fi

python=""
for candidate in python3 python3.13 python3.12 python3.11; do
  if command -v "$candidate" >/dev/null 2>&1 &&
    "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "error: Python 3.11, 3.12 or 3.13 is needed; install one and run this again" >&2
  exit 2
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  echo "error: $python has no venv module; on Debian and Ubuntu: sudo apt-get install python3-venv" >&2
  exit 2
fi

echo "Making .venv with $("$python" --version); a few minutes and about 3 GB, once."
# A .venv that was half made, or whose Python is gone, is mended; what lies in it stays.
if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
  rm -f "$stamp"
  for link in .venv/bin/python*; do
    if [ -L "$link" ]; then rm "$link"; fi
  done
  "$python" -m venv .venv
fi
pip=(.venv/bin/python -m pip --disable-pip-version-check --no-input)
torch=$(grep '^torch==' requirements.lock)

# torch first, with what its build needs (a CUDA build brings its own packages). Then exactly what the lock names and
# nothing else: face-alignment and mediapipe each ask for another OpenCV build, and there must be one only.
echo "1/2 $torch"
# Nothing is compiled now: Python does it at the first import, at the end of this, for what is imported.
"${pip[@]}" install --quiet --no-compile "$torch" 2> >(grep -v 'is ignored' >&2)
echo "2/2 everything else"
"${pip[@]}" install --quiet --no-compile --no-deps -r requirements.lock 2> >(grep -vE 'is ignored|dependency resolver|which is not installed' >&2)
.venv/bin/python -c 'import cv2, kornia, onnxruntime, pytorch_lightning, scipy.signal, skimage.transform, torch' || {
  echo "error: the environment does not import; remove .venv and run this again" >&2
  exit 1
}
cp requirements.lock "$stamp"
echo "Ready: .venv"
