/** What a command could not read is said, and is not reported as absent. */
import { expect, test } from "vitest";
import type { Scheduled } from "../../src/ao/port.ts";
import { FleetError } from "../../src/core/errors.ts";
import type { History } from "../../src/fleet/history.ts";
import {
  ADDRESS,
  type Behaviour,
  fakeAo,
  fakeFleet,
  fleet,
  HASH,
  idOf,
  member,
  projectFolder,
} from "./fakes.ts";

/** A healthy process, whose router does not show its table. */
const secretive: Behaviour = ({ action, data }) => {
  if (action === "TRAFFIC_COMMAND")
    return { reply: { success: true, release: "abcdef0123456789", step: 2, mode: "steady" } };
  if (action === "GET_TRAFFIC")
    return { reply: { success: false, error: { code: "BUSY", message: "too many requests" } } };
  const base = { success: true, version: "1.0.0", sourceHash: HASH, epoch: 7, release: "r" };
  const nonce = JSON.parse(data || "{}").healthCheck?.nonce ?? "";
  return { reply: { ...base, healthStatus: "HEALTHY", status: "ACTIVE", checks: [], nonce } };
};

test.each([[[]], [["--quick"]]])("status %j says that the rollout could not be read", async (quick) => {
  const known = { ...fakeFleet(fakeAo(secretive), [member("coordinator")]), router: "coordinator" };
  const ran = await fleet(["status", ...quick], { fleet: known });
  expect(ran.stderr).toContain("The rollout could not be read: coordinator");
  expect(ran.stderr).toContain("[BUSY]");
  const json = await fleet(["status", ...quick, "--json"], { fleet: known });
  expect(json.json()).toMatchObject({ success: true, trafficUnread: { code: "BUSY" } });
});

test("a rollout command says that the rollout could not be read afterwards", async () => {
  const known = { ...fakeFleet(fakeAo(secretive), [member("coordinator")]), router: "coordinator" };
  const ran = await fleet(["abort"], { fleet: known });
  expect(ran).toMatchObject({ code: 0, stdout: expect.stringContaining("Aborted") });
  expect(ran.stderr).toContain("The rollout could not be read: coordinator");
  const json = await fleet(["abort", "--json"], { fleet: known });
  expect(json.json()).toMatchObject({ success: true, traffic: null, trafficUnread: { code: "BUSY" } });
});

/** Messages with one correlation id at slots 1, 2, …; those named have a result. */
function traced(count: number, evaluated: readonly number[]): History {
  const scheduled = Array.from(
    { length: count },
    (_, index): Scheduled => ({
      ...{ slot: index + 1, messageId: `m${index + 1}`, timestamp: 1000 * index, from: ADDRESS },
      ...{ action: "X", tags: { "Correlation-Id": "asked" }, data: "" },
    }),
  );
  return {
    latest: async () => count,
    range: async () => scheduled,
    result: async (_process, messageId) =>
      evaluated.includes(Number(messageId.slice(1)))
        ? { messageId, output: "", messages: [], spawns: [] }
        : undefined,
  };
}

test.each([
  [[1, 2], 0, ""],
  [[1], 0, "1 of 2 results could not be read: messages that these sent may be missing\n"],
  [[], 1, "2 of 2 results could not be read: messages that these sent may be missing\n"],
])("trace of two messages of which %j have a result exits with %i", async (evaluated, code, stderr) => {
  const given = {
    fleet: fakeFleet(
      fakeAo(() => ({})),
      [member("battle")],
    ),
    history: traced(2, evaluated),
  };
  const ran = await fleet(["trace", "asked"], given);
  expect([ran.code, ran.stderr]).toEqual([code, stderr]);
  expect(ran.stdout.split("no result could be read")).toHaveLength(3 - evaluated.length);
  const json = await fleet(["trace", "asked", "--json"], given);
  expect(json.json()).toMatchObject({ success: code === 0, searched: 2, unread: 2 - evaluated.length });
});

test.each([
  ["a ledger that does not answer", "ledger", [], "NO_REPLY", false],
  ["a ledger that was not asked", "ledger", ["--no-ledger"], "not-asked", false],
  ["no ledger", undefined, [], "none", true],
])("history of a stack with %s", async (_case, ledger, words, said, isEmpty) => {
  const known = fakeFleet(
    fakeAo(() => ({})),
    [member("ledger")],
    ledger,
  );
  const ran = await fleet(["history", ...words], { cwd: projectFolder(), fleet: known });
  expect([ran.code, ran.stdout]).toEqual([
    0,
    isEmpty
      ? "The stack dev has no deployments yet.\n"
      : "The stack's history and this machine have no deployments of dev; the ledger was not read.\n",
  ]);
  const json = await fleet(["history", ...words, "--json"], { cwd: projectFolder(), fleet: known });
  expect(json.json()).toMatchObject({ entries: [], ledger: said });
});

test.each([
  ["show", [], "No settings are held by any process: defaults apply.\n"],
  [
    "show",
    ["battle", "--type", "PROCESS_CONFIG"],
    "No settings of PROCESS_CONFIG are held by battle: defaults apply.\n",
  ],
  [
    "history",
    ["battle", "shop", "--type", "PROCESS_CONFIG"],
    "No settings of PROCESS_CONFIG were ever sent to battle, shop.\n",
  ],
])("config %s %j names the settings that it looked for", async (command, words, stdout) => {
  const holdsNone = fakeAo(() => ({ reply: { success: true, configs: {}, history: {} } }));
  const known = fakeFleet(holdsNone, [member("battle"), member("shop")]);
  expect(await fleet(["config", command, ...words], { fleet: known })).toMatchObject({ code: 0, stdout });
  expect(holdsNone.sent.map(({ processId }) => processId)).toContain(idOf("battle"));
});

test("support-bundle says that the archive has nothing of the processes, also with --quiet", async () => {
  const down = new FleetError({ code: "UNIT_DOWN", what: "The unit is down.", remedy: "Look." });
  const given = { cwd: projectFolder(), fleet: down };
  const ran = await fleet(["support-bundle", "--quiet", "--json"], given);
  expect(ran.stderr).toContain("The archive has nothing of the processes: The unit is down. [UNIT_DOWN]");
  expect(ran.json()).toMatchObject({ success: true, unreachable: { code: "UNIT_DOWN" } });
});
