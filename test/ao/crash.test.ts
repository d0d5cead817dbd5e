import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { readJournal } from "../../src/ao/journal/index.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { assignmentOf, MODULE, startUnits } from "./units.ts";
import { makeJwk } from "./wallets.ts";

const folder = temporaryFolder("crash");
const wallet = join(folder, "wallet.json");

beforeAll(async () => {
  await writeFile(wallet, JSON.stringify(await makeJwk()), { mode: 0o600 });
});

/** The steps of a large message at which the run dies, after its process was spawned. */
const uploads = ["ao.after-journal:2", "ao.after-upload", "ao.after-send:2"];

test("a deploy that is killed at each step of an uploaded message makes one message", async () => {
  const units = await startUnits();
  const journal = join(folder, "uploading.jsonl");
  const { endpoints } = units;
  const network = { ...endpoints, module: MODULE, uploadUrl: endpoints.gatewayUrl, maxMessageBytes: 20_000 };
  const args = ["deploy", journal, wallet, JSON.stringify(network), "30000"];
  for (const crashAt of uploads)
    expect({ crashAt, ...(await run(args, crashAt)) }).toEqual({ crashAt, signal: "SIGKILL", output: "" });
  const { output } = await run(args);
  const [done, process, message] = output.trim().split(" ");
  expect(done).toBe("done");
  expect(new Set(units.posted)).toEqual(new Set([process]));
  // Killed before, after and again after the upload: the same bytes are sent as long as the scheduler does not have them.
  expect(units.uploaded).toEqual([message, message]);
  const assigned = units.requests.filter(({ endpoint }) => endpoint === "mu.assign").map(({ path }) => path);
  expect(assigned).toEqual([`/mu/?process-id=${process}&assign=${message}`]);
  // The answer was lost with the run that received it: the scheduler's list names the assignment, and the result is stored under it.
  const assignment = assignmentOf(message ?? "");
  expect((await readJournal(journal)).find(({ id }) => id === message)).toMatchObject({ assignment });
  const asked = units.requests.filter(({ endpoint }) => endpoint === "cu.result").map(({ path }) => path);
  expect(asked).toEqual([`/cu/result/${assignment}?process-id=${process}`]);
  await units.close();
}, 120_000);

function run(args: string[], crashAt?: string): Promise<{ signal: string | null; output: string }> {
  return new Promise((resolve, reject) => {
    const script = fileURLToPath(new URL("child.ts", import.meta.url));
    const child = spawn(process.execPath, ["--no-warnings", script, ...args], {
      env: { ...process.env, FLEET_CRASH_AT: crashAt ?? "" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.on("error", reject);
    child.on("close", (_, signal) => resolve({ signal, output }));
  });
}

/** Every step of a spawn, then of a message. The number counts how often that run passes the step before it dies there. */
const deaths = [
  "ao.before-sign",
  "ao.after-sign",
  "ao.after-journal",
  "ao.after-send",
  "ao.after-answer",
  "ao.before-sign",
  "ao.after-sign",
  "ao.after-journal",
  "ao.after-send:2",
  "ao.after-answer:2",
];

test("a deploy that is killed at each step of its spawn and of its message makes one process and one message", async () => {
  const units = await startUnits();
  const journal = join(folder, "killed.jsonl");
  const args = ["deploy", journal, wallet, JSON.stringify({ ...units.endpoints, module: MODULE })];
  const sent: number[] = [];
  for (const crashAt of deaths) {
    expect({ crashAt, ...(await run(args, crashAt)) }).toEqual({ crashAt, signal: "SIGKILL", output: "" });
    sent.push(units.posted.length);
  }
  // Nothing is sent before it is in the journal, and nothing is sent twice.
  expect(sent).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 2, 2]);

  const { output } = await run(args);
  const [done, process, message] = output.trim().split(" ");
  expect(done).toBe("done");
  expect(new Set(units.posted)).toEqual(new Set([process, message]));
  expect((await readJournal(journal)).map(({ id, state }) => ({ id, state }))).toEqual([
    { id: process, state: "settled" },
    { id: message, state: "settled" },
  ]);
  await units.close();
}, 120_000);
