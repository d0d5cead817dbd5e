#!/bin/sh
# Validates what is deployed: scripts/validate-deployment.sh [--types health,integration,…] [--performance-duration SEC]
# The same as `npx fleet validate` in the project's folder, and it sets up what is missing first.
cd -- "$(dirname -- "$0")/.." && exec node src/toolchain/main.mjs fleet validate "$@"
