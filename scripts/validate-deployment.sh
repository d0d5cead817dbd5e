#!/bin/sh
# Validates the deployed fleet: scripts/validate-deployment.sh [--types health,integration,…] [--performance-duration SEC]
# Like `npx fleet validate` in the project's folder, but installs missing dependencies first.
cd -- "$(dirname -- "$0")/.." && exec node src/toolchain/main.mjs fleet validate "$@"
