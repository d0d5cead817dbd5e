#!/usr/bin/env node
/**
 * Starts the `fleet` command on any Node from version 20. The pinned release line of Node runs the CLI (TypeScript in the repository,
 * JavaScript in the published package); any other line starts the pinned Node with the same arguments.
 */
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { missingDependencies, pinnedNode } from "../toolchain/packages.mjs";

const here = realpathSync(fileURLToPath(import.meta.url));
const packageDir = join(dirname(here), "..", "..");
const pinned = pinnedNode(packageDir);
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

const missing = missingDependencies(packageDir, { commander: "", pulumi: "", zod: "" });
if (missing !== undefined) {
  process.stderr.write(
    [
      "The npm packages are not installed. [PACKAGES_MISSING]",
      `  got:      ${missing}`,
      `  expected: in a node_modules folder at or above ${packageDir}`,
      "  fix:      run `npm install` in your project (in a clone of ao-fleet: `npm start`)\n",
    ].join("\n"),
  );
  process.exit(1);
}

/** The exit code of a command that a signal ended (`EXIT.interrupted` in exit.ts). */
const INTERRUPTED = 130;

// Later release lines of Node refuse a flag that the larger images need, so only the pinned line runs the CLI.
if (major === 22 && minor >= 18) {
  // Hide "Type stripping is experimental", which Node would print for every command.
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (warning.name !== "ExperimentalWarning") process.stderr.write(`${warning.name}: ${warning.message}\n`);
  });
  const source = new URL("./main.ts", import.meta.url);
  const { main } = await import(existsSync(source) ? source.href : "./main.js");
  process.exitCode = await main(process.argv.slice(2));
  // What a signal ended may still have requests under way, which nobody waits for.
  if (process.exitCode === INTERRUPTED) process.stdout.write("", () => process.exit());
} else {
  handOver();
}

function handOver() {
  const child = spawn(pinned, [here, ...process.argv.slice(2)], { stdio: "inherit" });
  // The terminal sends SIGINT to both processes; this one must wait until the other has exited.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(
      [
        "Cannot start the pinned Node. [NODE_MISSING]",
        `  got:      ${error.message}`,
        `  expected: ${pinned}, or a Node 22.18 or later of the same line on the PATH`,
        "  fix:      run `npm rebuild node` (a newer npm: `npm rebuild node --allow-scripts=node`)\n",
      ].join("\n"),
    );
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (!signal) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}
