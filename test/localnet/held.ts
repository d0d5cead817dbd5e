import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../contract/client.ts";

/** The steps of a daemon's start at which a test can make it stand still. */
export type Step = "boot" | "publish";

/** A daemon that stands still at a step of its start. */
export interface Held {
  readonly pid: number;
  /** What the call that launched it answers. */
  readonly launched: Promise<unknown>;
  release(): void;
}

/** Starts something that launches a daemon, and waits until that daemon stands still at the step. */
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
    // Looked at by the test later than it may settle.
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
