import { expect, it } from "vitest";
import type { Output } from "../../src/cli/output.ts";
import { rollbackObserver } from "../../src/cli/rollback/observer.ts";
import { SetTrafficSchema, type TrafficState } from "../../src/delivery/wire.ts";
import type { History } from "../../src/fleet/history.ts";
import type { ReleaseDocument } from "../../src/fleet/releases/document.ts";
import { routerState, switchBack } from "../../src/operations/rollback/emergency.ts";
import type { Info } from "../../src/operations/rollback/info.ts";
import type { MemberPlan, PlanRequest } from "../../src/operations/rollback/member-plan.ts";
import { planWarmRevision } from "../../src/operations/rollback/plan-revisions.ts";
import type { Traffic } from "../../src/operations/rollback/stack.ts";
import { type Behaviour, fakeAo, fakeFleet, idOf, member } from "../cli/fakes.ts";

const OLD = "1".repeat(64);
const NEW = "2".repeat(64);
const target = {
  deploymentId: "deploy-1",
  releaseHash: "a".repeat(64),
  declaration: { battle: { sourceHash: OLD }, shop: { sourceHash: OLD } },
} as unknown as ReleaseDocument;
const traffic: Traffic = {
  router: { name: "coordinator", processId: idOf("coordinator"), generation: 1 },
  services: {},
  held: {},
};
const warm = (name: string, more: Partial<MemberPlan> = {}): MemberPlan => ({
  name,
  kind: "warm",
  warm: idOf(`${name}-old`),
  ...more,
});
const route = (id: string, revision: string, weightBp = 10_000) => ({
  processId: idOf(id),
  revision,
  weightBp,
});
const tableOf = (release: string, mode: string, shop: object[], battle: object[]) => ({
  release,
  step: 3,
  salt: release,
  mode,
  at: 1,
  services: {
    shop: { key: "sender", routes: shop },
    battle: { key: "data:battleId", routes: battle },
    pokemon: { key: "sender", routes: [route("pokemon", NEW)], mirror: idOf("pokemon-next") },
  },
});
const green = tableOf("b".repeat(64), "steady", [route("shop", NEW)], [route("battle", NEW)]);

/** How often its table was changed. */
const SERIAL = 4;

/** A router with a table, and a proof for each of `proven`. */
function world(
  state: { table: object; proven?: object },
  proven = new Set([idOf("battle-old"), idOf("shop-old")]),
  abortedMode = "steady",
) {
  const slow = new Set<string>();
  const behave: Behaviour = ({ action, data }) => {
    if (action === "GET_TRAFFIC") {
      const proofs = Object.fromEntries(
        [...proven, ...slow].map((id) => [
          id,
          { release: "", revision: OLD, status: slow.has(id) ? "asked" : "proven", at: 1 },
        ]),
      );
      for (const id of slow) proven.add(id);
      slow.clear();
      return {
        reply: { success: true, proven: state.table, ...state, proofs, serial: SERIAL, epoch: 7, at: 1 },
      };
    }
    const request = JSON.parse(data);
    if (action === "PROVE_TARGETS") {
      for (const id of Object.keys(request.targets)) slow.add(id);
      return { reply: { success: true, asked: [], count: 0 } };
    }
    if (action === "TRAFFIC_COMMAND")
      return {
        reply: { success: true, command: "abort", release: request.release, step: 3, mode: abortedMode },
      };
    if (action === "RESUME") return { reply: { success: true, status: "ACTIVE" } };
    if (action === "UNSEAL_KEYS") return { reply: { success: true, sealed: [] } };
    const { services, expect: expected } = SetTrafficSchema.parse(request);
    if (expected?.serial !== SERIAL)
      return { reply: { success: false, error: { code: "STALE_STEP", message: "another is in force" } } };
    const asked = [services.battle, services.shop].flatMap((service) => service?.routes[0]?.processId ?? []);
    if (asked.some((id) => id.includes("old") && !proven.has(id)))
      return { reply: { success: false, error: { code: "UNPROVEN_TARGET", message: "no proof" } } };
    return {
      reply: {
        success: true,
        release: request.release,
        step: request.step,
        mode: "steady",
        repeated: false,
        at: 2,
        slot: 41,
      },
    };
  };
  const ao = fakeAo(behave);
  return { ao, fleet: fakeFleet(ao, [member("coordinator"), member("battle"), member("shop")]) };
}
const actions = (ao: ReturnType<typeof fakeAo>) => ao.sent.map(({ tags }) => tags.Action);

/** Reads the table, as is done while members are queried, then returns the callers. */
async function emergency(
  { fleet }: ReturnType<typeof world>,
  ways: readonly MemberPlan[],
  known?: object,
  services: Traffic["services"] = {},
) {
  const state = known === undefined ? await routerState(fleet, traffic) : (known as TrafficState);
  if (!state) throw new Error("no word of the router");
  return switchBack(fleet, { ...traffic, services }, target, ways, state, async () => {});
}

it("an emergency rollback switches all services in one message, and the others keep theirs", async () => {
  const made = world({ table: green });
  const { ao } = made;
  const switched = await emergency(made, [warm("battle"), warm("shop")]);
  expect(switched).toMatchObject({ services: ["shop", "battle"], messages: 1, slot: 41 });
  expect(actions(ao)).toEqual(["GET_TRAFFIC", "SET_TRAFFIC"]);
  const sent = ao.sent[1];
  expect(sent?.tags.Epoch).toBe("7");
  expect(SetTrafficSchema.parse(JSON.parse(sent?.data ?? "{}"))).toEqual({
    release: target.releaseHash,
    step: 0,
    salt: target.releaseHash,
    expect: { release: green.release, step: 3, serial: 4 },
    services: {
      shop: { key: "sender", routes: [route("shop-old", OLD)] },
      battle: { key: "data:battleId", routes: [route("battle-old", OLD)] },
      pokemon: green.services.pokemon,
    },
  });
});

it("it aborts a running rollout in one message if its proven table is that release", async () => {
  const proven = tableOf(target.releaseHash, "steady", [route("shop-old", OLD)], [route("battle-old", OLD)]);
  const half = [route("battle-old", OLD, 5000), route("battle", NEW, 5000)];
  const table = tableOf(green.release, "rollout", [route("shop-old", OLD)], half);
  const made = world({ table, proven });
  const { ao } = made;
  await emergency(made, [warm("battle")]);
  expect(actions(ao)).toEqual(["GET_TRAFFIC", "TRAFFIC_COMMAND"]);
  expect(JSON.parse(ao.sent[1]?.data ?? "")).toEqual({ command: "abort", release: green.release });
});

it("it proves a revision first if the router no longer has its proof", async () => {
  const made = world({ table: green }, new Set());
  const { ao } = made;
  const switched = await emergency(made, [warm("battle")]);
  expect(switched).toMatchObject({ services: ["battle"], slot: 41 });
  expect(actions(ao)).toEqual([
    "GET_TRAFFIC",
    "SET_TRAFFIC",
    "PROVE_TARGETS",
    "GET_TRAFFIC",
    "GET_TRAFFIC",
    "SET_TRAFFIC",
  ]);
  expect(JSON.parse(ao.sent[2]?.data ?? "")).toEqual({
    release: target.releaseHash,
    targets: { [idOf("battle-old")]: OLD },
  });
});

it("it does not abort a rollout that moves other services too: those keep their shares", async () => {
  const proven = tableOf(target.releaseHash, "steady", [route("shop-old", OLD)], [route("battle-old", OLD)]);
  const [shop, battle] = [route("shop", NEW), route("battle", NEW)];
  const made = world({ table: tableOf(green.release, "rollout", [shop], [battle]), proven });
  await emergency(made, [warm("battle")]);
  expect(actions(made.ao)).toEqual(["GET_TRAFFIC", "SET_TRAFFIC"]);
  const { services } = SetTrafficSchema.parse(JSON.parse(made.ao.sent[1]?.data ?? ""));
  expect([services.shop?.routes, services.battle?.routes]).toEqual([[shop], [route("battle-old", OLD)]]);
});

it("it leaves a member whose state must be handed over first, unless the state is given up: then its old process accepts requests again", async () => {
  const staying = world({ table: green });
  await emergency(staying, [warm("shop", { carries: true, drains: true }), warm("battle")]);
  const { services } = SetTrafficSchema.parse(JSON.parse(staying.ao.sent[1]?.data ?? ""));
  expect([services.shop?.routes, services.battle?.routes]).toEqual([
    green.services.shop.routes,
    [route("battle-old", OLD)],
  ]);
  const given = world({ table: green });
  const lost = { messages: 1, byAction: { BUY: 1 } };
  await emergency(given, [warm("shop", { carries: true, drains: true, lost, epoch: 7 })]);
  expect(actions(given.ao)).toEqual(["GET_TRAFFIC", "RESUME", "SET_TRAFFIC"]);
  expect(given.ao.sent[1]).toMatchObject({ processId: idOf("shop-old"), tags: { Epoch: "7" } });
});

it("it reads a table again if it changed in the meantime", async () => {
  const made = world({ table: green });
  const state = await routerState(made.fleet, traffic);
  const switched = await emergency(made, [warm("battle")], { ...state, serial: 3 });
  expect(switched).toMatchObject({ messages: 3, slot: 41 });
  expect(actions(made.ao).slice(1)).toEqual(["SET_TRAFFIC", "GET_TRAFFIC", "SET_TRAFFIC"]);
});

it.each([
  ["with its code", { holdCode: "stranded", reason: "it cannot" }],
  ["by the sentence of a router of version 0.1.0", { reason: "the state cannot go back; it cannot" }],
  ["at a gate, with the new revision", { holdCode: "gate", reason: "a gate", handed: true }],
  ["under a lease, with the new revision", { mode: "rollout", handed: true }],
])(
  "it replaces a table that is held while the state cannot go back at once (%s): its router would keep it after an abort",
  async (_, held) => {
    const proven = tableOf(target.releaseHash, "steady", [route("shop", NEW)], [route("battle-old", OLD)]);
    const table = {
      ...tableOf(green.release, "held", [route("shop", NEW)], [route("battle", NEW)]),
      ...held,
    };
    const made = world({ table, proven });
    const lost = { messages: 1, byAction: { HIT: 1 } };
    const switched = await emergency(made, [warm("battle", { carries: true, drains: true, lost })]);
    expect(switched).toMatchObject({ services: ["battle"], slot: 41 });
    expect(actions(made.ao)).toEqual(["GET_TRAFFIC", "RESUME", "SET_TRAFFIC"]);
    const { services } = SetTrafficSchema.parse(JSON.parse(made.ao.sent[2]?.data ?? ""));
    expect(services.battle?.routes).toEqual([route("battle-old", OLD)]);
  },
);

it("it has a process accept the callers again whose keys it gave away, if their state is given up", async () => {
  const split = [route("shop-old", OLD, 9000), route("shop", NEW, 1000)];
  const made = world({ table: tableOf(green.release, "steady", split, [route("battle", NEW)]) });
  const lost = { messages: 1, byAction: { BUY: 1 } };
  const plan = warm("shop", { carries: true, lost, epoch: 7 });
  await emergency(made, [plan], undefined, { shop: { state: "partitioned" } });
  expect(actions(made.ao)).toEqual(["GET_TRAFFIC", "UNSEAL_KEYS", "SET_TRAFFIC"]);
  const { processId, tags, data } = made.ao.sent[1] ?? { data: "" };
  expect([processId, tags?.Epoch]).toEqual([idOf("shop-old"), "7"]);
  expect(JSON.parse(data)).toEqual({ salt: green.release, from: 0, to: 10_000 });
});

it.each<[string, MemberPlan[]]>([
  ["needs-hand-over", [warm("shop", { carries: true }), { name: "battle", kind: "in-place" }]],
  ["already-back", [{ name: "shop", kind: "settings" }]],
  [
    "no-warm",
    [
      { name: "shop", kind: "settings" },
      { name: "battle", kind: "next", carries: true },
    ],
  ],
  ["no-table", [{ name: "bank", kind: "in-place" }]],
])("it says why it switched nothing: %s", async (why, plans) => {
  const made = world({ table: green });
  expect(await emergency(made, plans)).toBe(why);
  expect(actions(made.ao)).toEqual(["GET_TRAFFIC"]);
});

it("it says that a hand-over is needed if the router has no entry for the only member whose callers can be sent back", async () => {
  const made = world({ table: green });
  expect(await emergency(made, [warm("bank"), warm("shop", { carries: true })])).toBe("needs-hand-over");
  expect(await emergency(made, [warm("bank")])).toBe("no-table");
  expect(actions(made.ao)).toEqual(["GET_TRAFFIC", "GET_TRAFFIC"]);
});

it.each([
  ["a gate", { holdCode: "gate", reason: "a gate", handed: true }],
  ["state that cannot go back", { holdCode: "stranded", reason: "it cannot" }],
])("it replaces a table that was held (%s) between its read and its abort", async (_, hold) => {
  const proven = tableOf(target.releaseHash, "steady", [route("shop", NEW)], [route("battle-old", OLD)]);
  const table = tableOf(green.release, "rollout", [route("shop", NEW)], [route("battle", NEW)]);
  const known = { table, proven, proofs: {}, serial: SERIAL - 1, epoch: 7, at: 1 };
  const made = world({ table: { ...table, mode: "held", ...hold }, proven }, undefined, "held");
  const lost = { messages: 1, byAction: { HIT: 1 } };
  const switched = await emergency(made, [warm("battle", { carries: true, drains: true, lost })], known);
  expect(switched).toMatchObject({ services: ["battle"], slot: 41, messages: 4 });
  expect(actions(made.ao)).toEqual(["RESUME", "TRAFFIC_COMMAND", "GET_TRAFFIC", "SET_TRAFFIC"]);
  const set = SetTrafficSchema.parse(JSON.parse(made.ao.sent[3]?.data ?? ""));
  // Of the table that it read after the abort: a change since then is refused.
  expect(set.expect).toEqual({ release: green.release, step: 3, serial: SERIAL });
  expect([set.services.battle?.routes, set.services.shop?.routes]).toEqual([
    [route("battle-old", OLD)],
    [route("shop", NEW)],
  ]);
});

it("it says that the router kept the table if the state could not go back meanwhile", async () => {
  const proven = tableOf(target.releaseHash, "steady", [route("shop", NEW)], [route("battle-old", OLD)]);
  const made = world({ table: { ...green, mode: "rollout" }, proven }, undefined, "held");
  expect(await emergency(made, [warm("battle")])).toBe("held");
});

it("prints the reason", () => {
  const lines: string[] = [];
  const output = { alert: (line: string) => lines.push(line) } as unknown as Output;
  rollbackObserver(output).notSwitched("needs-hand-over");
  expect(lines).toEqual(["Callers were not switched before the run: the run hands their state over first."]);
});

it("it sends the router nothing if no old process is warm, or if callers are back already", async () => {
  const none = world({ table: green });
  expect(await emergency(none, [{ name: "battle", kind: "in-place" }])).toBe("no-warm");
  const back = tableOf(target.releaseHash, "steady", [route("shop-old", OLD)], [route("battle-old", OLD)]);
  const done = world({ table: back });
  expect(await emergency(done, [warm("battle"), warm("shop")])).toBe("already-back");
  expect([...actions(none.ao), ...actions(done.ao)]).toEqual(["GET_TRAFFIC", "GET_TRAFFIC"]);
});

it("it keeps the salt if a service stays split: another would give its callers other revisions than those that have their state", async () => {
  const proven = tableOf(target.releaseHash, "steady", [route("shop-old", OLD)], [route("battle-old", OLD)]);
  const split = [route("shop", NEW, 7500), route("shop-old", OLD, 2500)];
  const made = world({ table: tableOf(green.release, "rollout", split, [route("battle", NEW)]), proven });
  await emergency(made, [warm("shop", { carries: true }), warm("battle")]);
  const { salt, services } = SetTrafficSchema.parse(JSON.parse(made.ao.sent[1]?.data ?? ""));
  expect([salt, services.shop?.routes, services.battle?.routes]).toEqual([
    green.release,
    split,
    [route("battle-old", OLD)],
  ]);
});

/** Processes that answer `Info`, except for those in `silent`. */
function sharers(silent: readonly string[] = [], stateVersion = "1") {
  const ao = fakeAo(({ processId }) =>
    silent.includes(processId)
      ? {}
      : {
          reply: {
            ...{ success: true, status: "ACTIVE", version: "2.0.0", sourceHash: NEW },
            ...{ epoch: 7, stateVersion, migrations: [] },
          },
        },
  );
  return { ao, fleet: fakeFleet(ao, [member("shop")]) };
}

it.each([
  ["an emergency gives its state up", true, "2", false, { messages: 3, byAction: { BUY: 3 } }, undefined],
  ["it is refused otherwise", false, "2", false, undefined, "ROLLBACK_IMPOSSIBLE"],
  ["its shape counts if it answers", true, "2", true, undefined, "ROLLBACK_IMPOSSIBLE"],
  ["all is handed over if it answers", true, "1", true, undefined, undefined],
])(
  "a process that has the state of a few callers is asked, too: %s",
  async (_, isEmergency, stateVersion, answers, lost, problem) => {
    const routes = [route("shop-old", OLD, 9000), route("shop", NEW, 1000)];
    const request = {
      traffic: { ...traffic, services: { shop: { state: "partitioned" } } },
      table: { table: tableOf(green.release, "rollout", routes, []) },
      emergency: isEmergency,
    } as unknown as PlanRequest;
    const info = { status: "ACTIVE", migrations: [], stateVersion: "1", epoch: 7 } as unknown as Info;
    const warmOne = { processId: idOf("shop-old"), info };
    const to = { version: "1.0.0", sourceHash: OLD };
    const history = async () =>
      ({
        latest: async (id: string) => (id === idOf("shop") ? 3 : 900),
        range: async () => [1, 2, 3].map(() => ({ action: "BUY" })),
      }) as unknown as History;
    const { fleet } = sharers(answers ? [] : [idOf("shop")], stateVersion);
    const plan = await planWarmRevision(fleet, history, request, member("shop"), warmOne, info, to);
    expect([plan.carries, plan.lost, plan.problem?.code]).toEqual([true, lost, problem]);
  },
);

it.each([
  ["partitioned", 1000, true],
  ["partitioned", 7500, true],
  ["partitioned", 0, undefined],
  ["none", 1000, undefined],
])(
  "state %s, with a share of %d for the other revision: is state handed over to a warm process? %s",
  async (state, share, carries) => {
    const routes = [route("shop", NEW, share), route("shop-old", OLD, 10_000 - share)];
    const request = {
      traffic: { ...traffic, services: { shop: { state } } },
      table: { table: tableOf(green.release, "rollout", routes, []) },
    } as unknown as PlanRequest;
    const info = { status: "ACTIVE", migrations: [], stateVersion: "1", epoch: 7 } as unknown as Info;
    const warmOne = { processId: idOf("shop-old"), info };
    const to = { version: "1.0.0", sourceHash: OLD };
    const never = () => Promise.reject(new Error("not in this test"));
    const plan = await planWarmRevision(sharers().fleet, never, request, member("shop"), warmOne, info, to);
    expect([plan.kind, plan.problem, plan.carries]).toEqual(["warm", undefined, carries]);
  },
);
