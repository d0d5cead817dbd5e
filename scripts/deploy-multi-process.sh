#!/bin/sh
# Deploys the fleet: scripts/deploy-multi-process.sh [--only "a b"] [--timeout SEC]
# The same as `npx fleet deploy` in the project's folder, and it sets up what is missing first.
cd -- "$(dirname -- "$0")/.." && exec node src/toolchain/main.mjs fleet deploy "$@"
