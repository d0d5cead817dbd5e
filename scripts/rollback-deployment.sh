#!/bin/sh
# Rolls back to an earlier release: scripts/rollback-deployment.sh [--deployment-id ID --reason TEXT | --manual]
# Like `npx fleet rollback` in the project's folder, but installs missing dependencies first.
cd -- "$(dirname -- "$0")/.." && exec node src/toolchain/main.mjs fleet rollback "$@"
