#!/bin/sh
# Deploys the fleet: scripts/deploy-multi-process.sh [--only "a b"] [--timeout SEC]
# Like `npx fleet deploy` in the project's folder, but installs missing dependencies first.
cd -- "$(dirname -- "$0")/.." && exec node src/toolchain/main.mjs fleet deploy "$@"
