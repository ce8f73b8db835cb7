#!/usr/bin/env bash
# Build the pages of docs/ as a site, with warnings as errors, in an environment that is made for it and kept in build/
# (mkdocs-material, which nothing else here needs).
#   bash scripts/build_docs.sh             the site lies in build/site
#   bash scripts/build_docs.sh --serve     show it on this machine while pages are edited
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [[ "${1:-}" == "-h" || "${1:-}" == "--help" ]]; then
  sed -n '2,${/^#/!q; s/^# \{0,1\}//p;}' "${BASH_SOURCE[0]}"
  exit 0
fi
if [ ! -x build/docs-env/bin/mkdocs ]; then
  python3 -m venv build/docs-env
  build/docs-env/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --no-input "mkdocs<2" "mkdocs-material>=9.5" \
    2> >(grep -v 'is ignored' >&2) ||
    { echo "skipped: mkdocs-material cannot be installed here, so the site was not built"; exit 0; }
fi
if [[ "${1:-}" == "--serve" ]]; then
  exec build/docs-env/bin/mkdocs serve
fi
NO_MKDOCS_2_WARNING=1 exec build/docs-env/bin/mkdocs build --strict --quiet
