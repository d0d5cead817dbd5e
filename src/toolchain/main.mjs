#!/usr/bin/env node
/**
 * The entry of `npm start` and `npm test`. Runs on any Node from 20 without dependencies: it installs the
 * packages, then starts main.ts on the pinned Node.
 */
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePackages, pinnedNode } from "./packages.mjs";

const project = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

try {
  await ensurePackages(project, (line) => process.stderr.write(`${line}\n`));
} catch (error) {
  process.stderr.write(
    [
      "The npm packages could not be installed. [PACKAGES_FAILED]",
      `  got:      ${error.message}`,
      "  fix:      see npm's message above; check that the npm registry is reachable, then run this again\n",
    ].join("\n"),
  );
  process.exit(1);
}

const child = spawn(
  pinnedNode(project),
  [join(project, "src", "toolchain", "main.ts"), ...process.argv.slice(2)],
  {
    stdio: "inherit",
  },
);
// The terminal sends SIGINT to both processes; this one waits until the child has exited.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  process.stderr.write(`The pinned Node could not be started: ${error.message}\n`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  if (signal) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  } else process.exit(code ?? 1);
});
