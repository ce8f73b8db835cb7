#!/usr/bin/env bash
# Ask whether a version in requirements.lock has a known vulnerability (pip-audit, PyPI's own list).
#   bash scripts/audit_dependencies.sh                                0: none known, 1: some, 3: the list cannot be reached
#   bash scripts/audit_dependencies.sh --vulnerability-service osv    further flags go to pip-audit
# pip-audit is installed into an environment that is thrown away; .venv is neither needed nor changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
for word in "$@"; do
  if [[ "$word" == "-h" || "$word" == "--help" ]]; then
    sed -n '2,${/^#/!q; s/^# \{0,1\}//p;}' "scripts/$(basename "$0")"
    exit 0
  fi
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv" || {
  echo "error: python3 cannot make an environment; on Debian and Ubuntu: sudo apt-get install python3-venv" >&2
  exit 3
}
if ! "$scratch/venv/bin/python" -m pip --disable-pip-version-check --no-input install --quiet "pip-audit==2.9.0" \
  2> "$scratch/messages"; then
  echo "error: pip-audit could not be installed ($(tail -n 1 "$scratch/messages")); is PyPI reachable?" >&2
  exit 3
fi
# A local build's name (2.9.1+cpu) is not in the list; the version it was built of is.
sed -E 's/\+[A-Za-z0-9.]+$//' requirements.lock > "$scratch/requirements.txt"
code=0
"$scratch/venv/bin/pip-audit" --requirement "$scratch/requirements.txt" --no-deps --disable-pip --progress-spinner off \
  --timeout 30 --format json --output "$scratch/found.json" "$@" 2> "$scratch/messages" || code=$?
# pip-audit calls a package that it could not ask about "skipped" and is content: here that is no all-clear.
"$scratch/venv/bin/python" - "$scratch/found.json" "$scratch/messages" "$code" << 'PYTHON'
import json
import sys

try:
    with open(sys.argv[1], encoding="utf-8") as file:
        packages = json.load(file)["dependencies"]
except (OSError, ValueError, KeyError, TypeError):
    with open(sys.argv[2], encoding="utf-8") as file:
        said = [line.strip() for line in file if line.strip() and "WARNING" not in line]
    last = (said or [f"pip-audit ended with {sys.argv[3]}"])[-1][:200]
    print(f"error: the list of vulnerabilities could not be read ({last})", file=sys.stderr)
    sys.exit(3)
skipped = [package for package in packages if "skip_reason" in package]
known = [(package, finding) for package in packages for finding in package.get("vulns", [])]
for package, finding in known:
    mended = ", ".join(finding.get("fix_versions", [])) or "no version yet"
    print(f"{package['name']} {package['version']}: {finding['id']}, mended in {mended}")
asked = len(packages) - len(skipped)
print(f"{len(packages)} packages in requirements.lock, {asked} asked about, {len(known)} known vulnerabilities")
if skipped:
    reason = f"{len(skipped)} packages could not be asked about, first {skipped[0]['skip_reason']}"
    print(f"error: {reason}. Is this machine's PyPI a mirror without vulnerabilities?", file=sys.stderr)
sys.exit(1 if known else 3 if skipped or not packages else 0)
PYTHON
