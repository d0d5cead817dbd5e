import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as config from "../../providers/config-bundle/lifecycle.ts";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import { UNKNOWN } from "../../providers/run/inputs.ts";
import * as wiring from "../../providers/wiring/lifecycle.ts";
import type { WiringOutputs } from "../../providers/wiring/schema.ts";
import { createProcess, type Stack, simulatedStack, targetOf } from "./fixture.ts";

let stack: Stack;
let battle: ProcessOutputs;
let shop: ProcessOutputs;
let common: object;

beforeEach(async () => {
  stack = await simulatedStack();
  battle = await createProcess(await stack.inputs("battle"));
  shop = await createProcess(await stack.inputs("shop"));
  common = { scope: stack.scope, network: { kind: "legacy", ...stack.net.endpoints } };
});
afterEach(() => stack.close());

const fleetOf = ({ processId }: ProcessOutputs) =>
  stack.net.oracle.state(processId) as { fleet: { admitted: Record<string, string[]> } };

describe("a preview, in which new processes are unknown", () => {
  const [before, after] = ["a".repeat(64), "b".repeat(64)];
  const raw = (more: object = {}) => ({
    ...common,
    target: targetOf(shop),
    peers: { battle: battle.processId },
    code: { battle: before },
    ...more,
  });
  const unknown = { peers: { battle: UNKNOWN } };
  let lines: string[];
  beforeEach(() => {
    lines = [];
    vi.spyOn(console, "log").mockImplementation((line: string) => lines.push(line));
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  const shown = async (olds: object, news: object) => {
    lines = [];
    const { changes } = await wiring.diff("id", olds as WiringOutputs, news as Record<string, unknown>);
    return [changes, ...lines];
  };

  it("announces that a caller gets another process, by the code of its peer", async () => {
    const { outs } = await wiring.create(raw());
    expect(await shown(outs, raw({ ...unknown, code: { battle: after } }))).toEqual([
      true,
      "shop wiring: peer battle will have another process id",
    ]);
    const target = { target: UNKNOWN, code: { shop: after } };
    expect(await shown({ ...outs, code: { shop: before } }, raw(target))).toEqual([
      true,
      "shop wiring: the process id will change",
    ]);
    expect(await shown(outs, raw({ peers: { ...outs.peers, door: UNKNOWN } }))).toEqual([true]);
  });

  it("announces nothing if the code stays, the process is known, or an earlier version recorded no code", async () => {
    const { outs } = await wiring.create(raw());
    expect(await shown(outs, raw(unknown))).toEqual([false]);
    expect(await shown(outs, raw({ code: { battle: after } }))).toEqual([false]);
    const { code: _, ...earlier } = outs;
    expect(await shown(earlier, raw({ ...unknown, code: { battle: after } }))).toEqual([false]);
    // Its strategy is new, its process stays.
    expect(await shown({ ...outs, code: {} }, raw(unknown))).toEqual([false]);
  });

  it("announces config that goes to a new process, and nothing for the same process", async () => {
    const settings = {
      ...{ ...common, name: "shop-process-config", configType: "PROCESS_CONFIG" },
      ...{ configData: { requestTimeout: 5 }, targets: [targetOf(shop)], code: { shop: before } },
    };
    const { outs } = await config.create(settings);
    const coming = async (code: string, targets: unknown) => {
      lines = [];
      const { changes } = await config.diff("id", outs, { ...settings, code: { shop: code }, targets });
      return [changes, ...lines];
    };
    expect(await coming(after, [UNKNOWN])).toEqual([
      true,
      "shop-process-config: also goes to shop, whose process id will change",
    ]);
    expect(await coming(before, [UNKNOWN])).toEqual([false]);
    expect(await coming(after, [targetOf(shop)])).toEqual([false]);
  });

  it("announces only its own process for a new revision's own wiring", async () => {
    const own = (more: object) => raw({ name: "shop-wiring-new", newOnly: true, ...more });
    const { outs } = await wiring.create(own({ code: { shop: before } }));
    const news = { target: UNKNOWN, ...unknown };
    expect(await shown(outs, own({ ...news, code: { shop: before } }))).toEqual([false]);
    expect(await shown(outs, own({ ...news, code: { shop: after } }))).toMatchObject([
      true,
      /process id will change/,
    ]);
  });
});

describe("the wiring of a new revision", () => {
  const other = "n".repeat(43);
  const raw = (more: object = {}) => ({
    ...common,
    name: "battle-wiring-new",
    target: targetOf(battle),
    peers: { shop: shop.processId },
    newOnly: true,
    ...more,
  });

  it("is sent once: members that stay on the old code are rewired only after traffic has moved", async () => {
    const { id, outs } = await wiring.create(raw());
    expect(id).toMatch(/\/battle-wiring-new$/);
    const peers = { shop: other };
    expect(await wiring.diff("id", outs, raw({ peers }))).toMatchObject({ changes: false });
    const target = { ...targetOf(battle), processId: other, generation: 2 };
    expect(await wiring.diff("id", outs, raw({ target, peers }))).toMatchObject({ changes: true });
    await wiring.create({ ...raw({ peers }), newOnly: undefined, name: undefined });
    expect((await wiring.read("id", outs)).props.drift).toEqual([]);
  });

  it("makes the members that it calls admit it, once they know the process of its name", async () => {
    await wiring.create(raw({ admit: [targetOf(shop)] }));
    expect(fleetOf(shop).fleet.admitted).toEqual({});
    await wiring.create({ ...common, target: targetOf(shop), peers: { battle: other } });
    await wiring.create(raw({ admit: [targetOf(shop)], name: "again" }));
    expect(fleetOf(shop).fleet.admitted).toEqual({ battle: [battle.processId] });
  });

  it("is sent again for another router, even if the peers stay", async () => {
    const peers = { gate: other, door: shop.processId };
    const withRouter = (router: string) => ({
      ...raw({ peers, router }),
      newOnly: undefined,
      name: undefined,
    });
    const held = () =>
      (stack.net.oracle.state(battle.processId) as { fleet: { router?: string } }).fleet.router;
    const { outs } = await wiring.create(withRouter("gate"));
    expect(held()).toBe(other);
    expect(await wiring.diff("id", outs, withRouter("gate"))).toMatchObject({ changes: false });
    expect(await wiring.diff("id", outs, withRouter("door"))).toMatchObject({ changes: true });
    const { outs: next } = await wiring.update("id", outs, withRouter("door"));
    expect([held(), next.hash === outs.hash]).toEqual([shop.processId, false]);
    expect((await wiring.read("id", next)).props.drift).toEqual([]);
    expect((await wiring.read("id", outs)).props.drift).toEqual(["the router is door"]);
  });

  it("tells that the router is not a peer, so that a peer named coordinator is not taken for it", async () => {
    const peers = { coordinator: other };
    const { outs } = await wiring.create(raw({ peers, router: "gate" }));
    const { fleet } = stack.net.oracle.state(battle.processId) as { fleet: { router?: string } };
    expect([outs.peers, fleet.router]).toEqual([peers, ""]);
  });

  it("sends the declared probes and requires the declared answers", async () => {
    const probes = [{ action: "Info", data: {}, expect: { name: "battle", success: true } }];
    await wiring.create(raw({ probes }));
    const wrong = [{ action: "Info", data: {}, expect: { name: "shop" } }];
    await expect(wiring.create(raw({ probes: wrong }))).rejects.toThrow(/PROBE_FAILED.*|integration test/s);
    const unknown = [{ action: "NO_SUCH", data: {}, expect: {} }];
    await expect(wiring.create(raw({ probes: unknown }))).rejects.toThrow(/NO_SUCH/);
    const refused = [{ action: "NO_SUCH", data: {}, expect: { success: false } }];
    await wiring.create(raw({ probes: refused }));
  });
});
