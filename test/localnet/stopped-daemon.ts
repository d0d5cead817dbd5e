import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../contract/client.ts";

/** The steps of a daemon's start at which a test can stop it. */
export type Step = "boot" | "publish";

/** A daemon that is stopped at a step of its start. */
export interface Held {
  readonly pid: number;
  /** The result of the call that launched it. */
  readonly launched: Promise<unknown>;
  release(): void;
}

/** Launches a daemon, and waits until it has stopped at the step. */
export async function held(step: Step, launch: () => Promise<unknown>): Promise<Held> {
  const folder = mkdtempSync(join(tmpdir(), "hold-"));
  const file = join(folder, "hold");
  writeFileSync(file, "");
  const preload = new URL("hold.mjs", import.meta.url).href;
  const variables = {
    FLEET_LOCALNET_NODE_OPTIONS: `--import ${preload}`,
    HOLD_AT: step,
    HOLD_WHILE: file,
  };
  Object.assign(process.env, variables);
  try {
    const launched = launch();
    // The test awaits it later than it may settle.
    launched.catch(() => {});
    const pid = await until(`a daemon that stands still at ${step}`, async () => {
      const found = readdirSync(folder).find((name) => name.startsWith("hold."));
      return found === undefined ? undefined : Number(found.slice("hold.".length));
    });
    return {
      pid,
      launched,
      release: () => existsSync(folder) && rmSync(folder, { recursive: true, force: true }),
    };
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
}
