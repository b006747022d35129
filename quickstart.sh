#!/usr/bin/env bash
# Sets up lorabridge with its own trainer in .venv and trains a first LoRA: a CPU is enough, nothing is downloaded but packages.
source "$(dirname "${BASH_SOURCE[0]}")/scripts/env.sh"
echo "Setting up .venv (torch, diffusers; a few minutes the first time) ..."
install quickstart -e ".[embedded]"
exec "$VENV/bin/lorabridge" demo "$@"
