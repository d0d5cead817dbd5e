import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isAlive } from "../../src/core/processes.ts";
import { until } from "../contract/client.ts";

const parent = new URL("../../providers/run/exit-with-engine.ts", import.meta.url).href;

test.each(["/opt/pulumi", "/opt/embedding-program"])(
  "a provider ends soon after its engine %s was killed, though its shell lives on",
  async (engineName) => {
    const dir = mkdtempSync(join(tmpdir(), "dynamic-provider-"));
    mkdirSync(join(dir, "dynamic-provider"));
    const script = join(dir, "dynamic-provider", "index.mjs");
    const code = `const { exitWithEngine } = await import(${JSON.stringify(parent)});
      exitWithEngine();
      console.log(process.pid);
      setInterval(() => {}, 1000);`;
    writeFileSync(script, code);
    // Like Pulumi: the engine starts a shell, which starts the provider. Each must stay while the next one lives.
    const shell = `"${process.execPath}" --no-warnings "${script}"; exit`;
    const engine = spawn("sh", ["-c", 'sh -c "$0" & wait', shell], {
      argv0: engineName,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const provider = await new Promise<number>((found) =>
      engine.stdout.once("data", (text) => found(Number(text))),
    );
    expect(isAlive(provider)).toBe(true);
    engine.kill("SIGKILL");
    await until("the end of the provider", async () => (isAlive(provider) ? undefined : true));
  },
);
