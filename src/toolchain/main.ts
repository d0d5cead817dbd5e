/** Started by main.mjs on the pinned Node, after the packages are installed. Verbs: setup, start, test, fleet. */
import { join } from "node:path";
import { FleetError } from "../core/errors.ts";
import { check } from "./check.ts";
import { environment } from "./env.ts";
import { packageDir } from "./paths.ts";
import { toStderr } from "./progress.ts";
import { runHere } from "./run.ts";
import { setUp } from "./setup.ts";
import { start } from "./start.ts";

const verbs: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  setup: async () => 0,
  start: (args) => start(packageDir, args, toStderr),
  test: (args) => check(packageDir, args, toStderr),
  // For scripts/*.sh: the fleet command, after the set-up.
  fleet: (args) =>
    runHere(process.execPath, [join(packageDir, "src", "cli", "fleet.mjs"), ...args], {
      cwd: packageDir,
      env: { ...process.env, ...environment(packageDir) },
    }),
};

// `process.exit` runs the exit handlers that stop running children; a default SIGTERM would not.
for (const [signal, code] of [
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.on(signal, () => process.exit(code));
}

const [name = "", ...args] = process.argv.slice(2);
try {
  const verb = verbs[name];
  if (!verb) {
    throw new FleetError({
      code: "VERB_UNKNOWN",
      what: "Unknown verb.",
      got: name === "" ? "none" : name,
      expected: Object.keys(verbs).join(", "),
      remedy: "Run `npm start`, `npm test` or `npm run setup`.",
    });
  }
  await setUp(packageDir);
  process.exitCode = await verb(args);
} catch (error) {
  if (!(error instanceof FleetError)) throw error;
  toStderr(error.message);
  process.exitCode = 1;
}
