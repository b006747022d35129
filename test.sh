#!/usr/bin/env bash
# Installs what the tests need into .venv, then: formatting, lint, types, tests.
source "$(dirname "${BASH_SOURCE[0]}")/scripts/env.sh"
install test -e ".[embedded,dev]"
export PATH="$PWD/$VENV/bin:$PATH" OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
ruff format --check .
ruff check .
mypy
python scripts/make_docs.py --check
python -m pytest "$@"
