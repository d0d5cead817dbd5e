import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Journal, openJournal, readJournal } from "../../src/ao/journal/index.ts";
import { connectMainnet, EMBEDDED_NODE } from "../../src/ao/mainnet/connect.ts";
import type { Ao } from "../../src/ao/port.ts";
import { loadWallet } from "../../src/ao/wallet.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { type LocalNetworkInfo, start, stop } from "../../src/localnet/index.ts";
import { type Clock, realClock } from "../../src/operations/observe/clock.ts";
import { drivenCron } from "../../src/operations/observe/driven-cron.ts";
import { type Ticked, Ticker } from "../../src/operations/tick/ticker.ts";
import { makeJwk } from "../ao/wallets.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { program } from "../processes/compose.ts";
import type { TickChild } from "./tick-child.ts";

/** Crons on the embedded network's HyperBEAM node, which drives none, with real aos. */

const folder = temporaryFolder("ticks");
const wallet = join(folder, "wallet.json");
const budget = () => budgetOf(60);
const CLOCK = `local fleet = require("fleet")
fleet.process { name = "clock", version = "1.0.0", capabilities = {} }
local S = fleet.state("clock", { ticks = 0 })
fleet.on("TICK", { who = fleet.isCron }, function() S.ticks = S.ticks + 1 end)
fleet.on("SEEN", { readonly = true }, function() return { ticks = S.ticks } end)
`;
const PLAIN = `Ticks = 0
Handlers.add("tick", "Cron", function() Ticks = Ticks + 1 end)
return "loaded"`;

let network: LocalNetworkInfo;
let journal: Journal;
let ao: Ao;

const endpoints = () => ({
  nodeUrl: network.nodeUrl,
  gatewayUrl: network.gatewayUrl,
  graphqlUrl: network.graphqlUrl,
  scheduler: network.nodeAddress,
  authority: network.nodeAddress,
  uploadUrl: network.gatewayUrl,
});
async function connected(path: string): Promise<{ ao: Ao; journal: Journal }> {
  const journal = await openJournal(join(folder, path));
  const as = await loadWallet({ path: wallet });
  return {
    journal,
    ao: connectMainnet({ endpoints: endpoints(), wallet: as, journal, limits: EMBEDDED_NODE }),
  };
}

beforeAll(async () => {
  network = await start(join(folder, "network"));
  await writeFile(wallet, JSON.stringify(await makeJwk()), { mode: 0o600 });
  ({ ao, journal } = await connected("p.s.jsonl"));
}, 60_000);
afterAll(async () => {
  await journal.close();
  await stop(join(folder, "network"));
});

/** Spawns a process and loads its code. */
async function made(name: string, code: string): Promise<string> {
  const { nodeAddress, modules } = network;
  const tags = { Name: name, "Deployment-Key": `p/s/${name}` };
  const place = { module: modules.aos ?? "", scheduler: nodeAddress, authority: nodeAddress };
  const { id } = await ao.spawn({ intent: `p/s/${name}/1/spawn`, ...place, tags }, budget());
  expect(await evaluated(id, code, `load-${name}`)).toMatch(/committed|loaded/);
  return id;
}
async function evaluated(processId: string, code: string, intent: string): Promise<string> {
  const { id } = await ao.send({ intent, processId, tags: { Action: "Eval" }, data: code }, budget());
  return (await ao.evaluation({ processId, messageId: id, expectOutput: true }, budget())).output;
}
const withLibrary = async (name: string) =>
  made(name, await program("clock", { source: CLOCK, repeats: true }));
/** Number of ticks that a program with the library has handled. */
async function handled(processId: string): Promise<number> {
  const { messages } = await ao.dryrun({ processId, tags: { Action: "SEEN" } }, budget());
  return (JSON.parse(messages[0]?.data ?? "{}") as { ticks: number }).ticks;
}
/** The ticks in the order of a process: milliseconds after its spawn for which they were sent. */
async function sent(processId: string): Promise<number[]> {
  const order = await ao.range({ processId, from: 0, to: 999 }, budget());
  const origin = order[0]?.timestamp ?? 0;
  return order.flatMap(({ tags }) =>
    tags["Cron-Scheduled"] === undefined ? [] : [Number(tags["Cron-Scheduled"]) - origin],
  );
}
const ticked = (name: string, processId: string, everyMs: number, action: string): Ticked => ({
  ...{ name, generation: 1, processId },
  cron: { interval: `${everyMs / 1000}-seconds`, everyMs, tags: { Action: action } },
});
const scope = { project: "p", stack: "s", home: folder, build: folder };

test("two ticks and more arrive, each once, at a program with the library and at a plain one", async () => {
  const every = 2000;
  const [clock, plain] = [await withLibrary("clock"), await made("plain", PLAIN)];
  const own = await connected("ticks.jsonl");
  const all = [ticked("clock", clock, every, "TICK"), ticked("plain", plain, every, "Cron")];
  const notes: string[] = [];
  const ticker = new Ticker({
    ...{ session: { scope, ...own }, clock: realClock, ticked: async () => all },
    note: (line) => void notes.push(line),
  });
  const over = new AbortController();
  const running = ticker.run(over.signal);
  const until = performance.now() + 60_000;
  while ((await Promise.all([sent(clock), sent(plain)])).some(({ length }) => length < 3)) {
    expect(performance.now()).toBeLessThan(until);
    await sleep(200);
  }
  over.abort();
  await running;
  await own.journal.close();
  expect(notes).toEqual([]);
  for (const id of [clock, plain]) {
    const dues = await sent(id);
    expect(new Set(dues).size).toBe(dues.length);
    expect(dues.every((due) => due > 0 && due % every === 0)).toBe(true);
  }
  expect(await handled(clock)).toBe((await sent(clock)).length);
  const count = await evaluated(plain, "return tostring(Ticks)", "count-plain");
  expect(Number(count)).toBe((await sent(plain)).length);
  // What the monitor says of a process that says nothing itself.
  const declared = { interval: "2-seconds", everyMs: every, tags: {} };
  const said = await drivenCron(ao, { processId: plain, lib: false }, declared, Date.now());
  expect(Math.abs((said.lastTickAt ?? 0) - Date.now())).toBeLessThan(120_000);
}, 120_000);

/** Runs a monitor in a process of its own, at a time after the spawn. */
async function monitor(name: string, processId: string, at: number, crashAt = ""): Promise<string> {
  const [spawned] = await ao.range({ processId, from: 0, to: 0 }, budget());
  const given: TickChild = {
    ...{ endpoints: endpoints(), wallet, journal: join(folder, `${name}.jsonl`) },
    ticked: ticked(name, processId, 60_000, "TICK"),
    ahead: (spawned?.timestamp ?? 0) + at - Date.now(),
  };
  const script = fileURLToPath(new URL("tick-child.ts", import.meta.url));
  const child = spawn(process.execPath, ["--no-warnings", script, JSON.stringify(given)], {
    env: { ...process.env, FLEET_CRASH_AT: crashAt },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(signal ?? `${code} ${output}`.trim()));
  });
}

test("a monitor that is killed at any step of a tick sends it once, and never later than the next one", async () => {
  const id = await withLibrary("killed");
  const run = (at: number, crashAt?: string) => monitor("killed", id, at, crashAt);
  // Signed, journaled, and not sent: the same bytes are sent by the next monitor.
  expect(await run(70_000, "ao.after-journal")).toBe("SIGKILL");
  expect(await sent(id)).toEqual([]);
  expect(await run(75_000)).toBe("0");
  expect(await run(80_000)).toBe("0");
  expect(await sent(id)).toEqual([60_000]);
  // Sent, and not recorded.
  expect(await run(130_000, "ao.after-send")).toBe("SIGKILL");
  expect(await run(135_000)).toBe("0");
  expect(await sent(id)).toEqual([60_000, 120_000]);
  // Nobody was there for the rest of its interval.
  expect(await run(190_000, "ao.after-journal")).toBe("SIGKILL");
  expect(await run(250_000)).toBe("0");
  expect(await sent(id)).toEqual([60_000, 120_000, 240_000]);
  expect(await handled(id)).toBe(3);
  const written = await readJournal(join(folder, "killed.jsonl"));
  expect(written.map(({ key, state }) => `${key.split("/").length} ${state}`)).toEqual([
    "6 settled",
    "6 voided",
    "6 voided",
    "6 sent",
  ]);
}, 120_000);

test("two monitors that send at the same moment tick a program with the library once", async () => {
  const id = await withLibrary("raced");
  const [spawned] = await ao.range({ processId: id, from: 0, to: 0 }, budget());
  const monitors = await Promise.all(
    ["one", "two"].map(async (name) => {
      const own = await connected(`raced-${name}.jsonl`);
      let passed = (spawned?.timestamp ?? 0) + 70_000 - Date.now();
      const clock: Clock = {
        now: () => Date.now() + passed,
        ticks: () => 0,
        sleep: async (ms) => {
          passed += ms;
        },
      };
      const all = [ticked("raced", id, 60_000, "TICK")];
      const note = (line: string) => expect(line).toBe("");
      return {
        own,
        ticker: new Ticker({ session: { scope, ...own }, clock, ticked: async () => all, note, chance: 0 }),
      };
    }),
  );
  await Promise.all(monitors.map(({ ticker }) => ticker.once()));
  for (const { own } of monitors) await own.journal.close();
  expect(new Set(await sent(id))).toEqual(new Set([60_000]));
  expect(await handled(id)).toBe(1);
}, 120_000);
