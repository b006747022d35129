# Sourced by quickstart.sh and test.sh: one virtual environment beside the project, made once.
# TORCH first: with it in place no later package pulls a build for another machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PYTHON="${PYTHON:-python3}"
VENV="${LORABRIDGE_VENV:-.venv}"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_CONSTRAINT="$PWD/constraints.txt"
if [ ! -x "$VENV/bin/python" ]; then
  "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "lorabridge needs Python 3.11 or newer; set PYTHON=python3.12" >&2; exit 2; }
  "$PYTHON" -m venv "$VENV"
fi
install() { # install NAME ARGS...: pip install, once per content of the files that decide it
  local stamp="$VENV/.installed-$1" want
  want="$(cat pyproject.toml constraints.txt scripts/env.sh | cksum)"
  shift
  if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$want" ]; then
    "$VENV/bin/python" -m pip install --quiet torch
    "$VENV/bin/python" -m pip install --quiet "$@"
    echo "$want" > "$stamp"
  fi
}
