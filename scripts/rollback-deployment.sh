#!/bin/sh
# Goes back to an earlier release: scripts/rollback-deployment.sh [--deployment-id ID --reason TEXT | --manual]
# The same as `npx fleet rollback` in the project's folder, and it sets up what is missing first.
cd -- "$(dirname -- "$0")/.." && exec node src/toolchain/main.mjs fleet rollback "$@"
