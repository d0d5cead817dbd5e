import { expect, test } from "vitest";
import { measureBy } from "../../providers/traffic/measure.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { StrategySchema } from "../../src/delivery/strategy.ts";
import type { TrafficState } from "../../src/delivery/wire.ts";
import { type Answer, fakeAo, fakeFleet, idOf } from "../cli/fakes.ts";

const green = { processId: idOf("green"), sourceHash: "new" };
const blue = { processId: idOf("blue"), sourceHash: "old" };
const wanted = {
  release: "r",
  services: { token: { key: "sender" as const, state: "owned" as const, green, blue } },
  strategy: StrategySchema.parse({
    kind: "blue-green",
    probes: 3,
    checks: [{ kind: "errorRate", minSamples: 3, max: 0.05 }],
  }),
};
const state: TrafficState = { proofs: {}, serial: 1, epoch: 0, at: 0 };

/** The measured probes of a green with this answer to its own `Info`, and a good one to the library's. */
async function probesOf(own: Answer) {
  const ao = fakeAo(({ tags }) =>
    tags["Fleet-Request"] === undefined ? own : { reply: { success: true, status: "ACTIVE" } },
  );
  const { session } = fakeFleet(ao, []);
  const { services } = await measureBy(session, wanted, () => budgetOf(10)).now(state);
  expect(ao.sent.map(({ tags }) => tags.Action)).toEqual(["Info", "Info", "Info"]);
  return services.token?.probes;
}

test("green is probed with Info as a caller sends it: the program's own answer counts, whatever its shape", async () => {
  expect(await probesOf({ reply: { Ticker: "T" } })).toMatchObject({ sent: 3, failed: 0 });
  expect(await probesOf({ reply: [1, 2] })).toMatchObject({ sent: 3, failed: 0 });
});

test("the library's Info does not replace that of a program whose own Info fails", async () => {
  expect(await probesOf({ error: "no info" })).toMatchObject({ sent: 3, failed: 3 });
});

test("a plain program's request without an answer is reported with its age, and with a fault of an earlier step", async () => {
  const ao = fakeAo(() => ({ reply: { Ticker: "T" } }));
  const { session } = fakeFleet(ao, []);
  const services = {
    token: {
      [green.processId]: {
        requests: 1,
        answered: 0,
        errors: 0,
        refused: 0,
        earlier: 1,
        latencies: [],
        open: [23_000],
      },
    },
  };
  const metrics = { release: "r", step: 1, since: 0, services };
  const measured = await measureBy(session, wanted, () => budgetOf(10)).now({ ...state, metrics });
  expect(measured.services.token).toMatchObject({
    green: { requests: 2, errors: 1, open: [23_000] },
    revision: `token@${green.processId.slice(0, 8)}`,
    intervalMs: 60_000,
  });
});

test.each([
  ["that has refused all of its callers: only its declared probes can show that it works", 0, 3],
  ["that has answered one of them: its callers are enough", 1, 0],
])("declared probes are sent to a green %s", async (_what, answered, sent) => {
  const ao = fakeAo(() => ({ reply: { sum: 2 } }));
  const { session } = fakeFleet(ao, []);
  const probes = [{ action: "Add", data: {}, expect: { sum: 2 } }];
  const declaring = {
    ...wanted,
    services: { token: { ...wanted.services.token, state: "none" as const, probes } },
  };
  const figures = { requests: 54, answered, errors: 0, refused: 54 - answered, latencies: [], open: [] };
  const services = { token: { [green.processId]: figures } };
  const metrics = { release: "r", step: 1, since: 0, services };
  const now = measureBy(session, declaring, () => budgetOf(10)).now;
  const measured = await now({ ...state, metrics });
  expect(ao.sent.map(({ tags }) => tags.Action)).toEqual(Array(sent).fill("Add"));
  expect(measured.services.token?.probes).toEqual(
    sent === 0 ? undefined : { sent, failed: 0, reason: undefined, declared: true },
  );
});
