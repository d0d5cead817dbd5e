import { readFile } from "node:fs/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import * as config from "../../providers/config-bundle/lifecycle.ts";
import * as release from "../../providers/release/lifecycle.ts";
import { yieldTakenMembers } from "../../providers/release/taken-members.ts";
import { stillWired, unwiredIn } from "../../providers/release/unwire.ts";
import { endRun, sessionFor } from "../../providers/run/session.ts";
import * as wiring from "../../providers/wiring/lifecycle.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { hashOf } from "../../src/core/hash.ts";
import { manifestPath } from "../../src/fleet/members/manifest.ts";
import { yieldToRival } from "../../src/fleet/members/rival.ts";
import { register, registry } from "../../src/fleet/protocol/registry.ts";
import { keepApproval } from "../../src/fleet/releases/approval.ts";
import { verifiedRelease } from "../../src/fleet/releases/document.ts";
import { deploymentKey } from "../../src/fleet/session/scope.ts";
import { createProcess, type Stack, simulatedStack, statusOf, targetOf } from "./fixture.ts";

let stack: Stack;
afterEach(() => stack.close());

async function common() {
  return { scope: stack.scope, network: { kind: "legacy" as const, ...stack.net.endpoints } };
}

/** The lines that it prints. */
async function said(work: () => Promise<unknown>): Promise<string[]> {
  const lines: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((line: string) => lines.push(line));
  await work().finally(() => log.mockRestore());
  return lines;
}

function actions(processId: string, action: string): number {
  return stack.net.oracle.messages(processId).filter(({ tags }) => tags.Action === action).length;
}

describe("a config bundle", () => {
  const data = { maxConcurrentRequests: 100, requestTimeout: 30_000, enableMetrics: true };
  const inputs = async (configData: Record<string, unknown>, targets: object[]) => ({
    ...(await common()),
    name: "battle-process-config",
    configType: "PROCESS_CONFIG",
    configData,
    targets,
  });

  it("is sent, acknowledged and read back; the same config sends nothing again; a changed one is the next version", async () => {
    stack = await simulatedStack();
    const battle = await createProcess(await stack.inputs("battle"));
    const { outs } = await config.create(await inputs(data, [targetOf(battle)]));
    expect(outs).toMatchObject({ version: 1, drift: [] });
    await config.update("id", outs, await inputs(data, [targetOf(battle)]));
    expect(actions(battle.processId, "UPDATE_CONFIG")).toBe(1);
    const changed = await inputs({ ...data, requestTimeout: 60_000 }, [targetOf(battle)]);
    expect(await config.diff("id", outs, changed)).toMatchObject({ changes: true });
    expect((await config.update("id", outs, changed)).outs.version).toBe(2);
  });

  it("names every target that refused, and keeps the resource", async () => {
    stack = await simulatedStack();
    const battle = await createProcess(await stack.inputs("battle"));
    const shop = await createProcess(await stack.inputs("shop", { refuseConfig: ["PROCESS_CONFIG"] }));
    const work = config.create(await inputs(data, [targetOf(battle), targetOf(shop)]));
    await expect(work).rejects.toMatchObject({
      id: expect.stringContaining("battle-process-config"),
      message: expect.stringContaining("shop refused UPDATE_CONFIG"),
    });
  });

  it("refuses invalid values in the plan, at their paths", async () => {
    stack = await simulatedStack();
    const battle = { name: "battle", processId: "x", generation: 1 };
    const { failures } = await config.check(
      {},
      await inputs({ requestTimeout: -1, colour: "red" }, [battle]),
    );
    expect(failures.map(({ property }) => property).sort()).toEqual([
      "configData.colour",
      "configData.requestTimeout",
    ]);
  });
});

describe("a wiring", () => {
  it("sends the peers and proves readiness; a change by hand is found", async () => {
    stack = await simulatedStack();
    const battle = await createProcess(await stack.inputs("battle"));
    const shop = await createProcess(await stack.inputs("shop"));
    const raw = { ...(await common()), target: targetOf(battle), peers: { shop: shop.processId } };
    const { outs } = await wiring.create(raw);
    expect((await wiring.read("id", outs)).props).toEqual(outs);
    expect(await wiring.diff("id", outs, raw)).toMatchObject({ changes: false });
    await wiring.update("id", outs, { ...raw, peers: { shop: battle.processId } });
    expect((await wiring.read("id", outs)).props).toMatchObject({
      drift: ["peer shop has another process id"],
      driftFacts: [{ code: "PEER_REPLACED", peer: "shop" }],
    });
  });

  it("marks members without the library; a process whose library is newer learns it then, and lost knowledge is drift", async () => {
    stack = await simulatedStack();
    const battle = await createProcess(await stack.inputs("battle"));
    const [shop, token] = ["s".repeat(43), "t".repeat(43)];
    // As an earlier version wrote it.
    const raw = { ...(await common()), target: targetOf(battle), peers: { shop, token } };
    const { outs } = await wiring.create(raw);
    const held = () => stack.net.oracle.state(battle.processId)?.fleet?.withoutLibrary;
    expect([outs, held()]).toEqual([expect.not.objectContaining({ withoutLibrary: expect.anything() }), []]);
    const more = { ...raw, withoutLibrary: ["token"] };
    expect(await wiring.diff("id", outs, more)).toMatchObject({ changes: true });
    const { outs: marked } = await wiring.update("id", outs, more);
    expect([held(), marked.hash === outs.hash]).toEqual([["token"], false]);
    expect((await wiring.read("id", marked)).props).toEqual(marked);
    expect(await wiring.diff("id", marked, more)).toMatchObject({ changes: false });
    expect((await wiring.read("id", outs)).props.drift).toEqual(["peer token has no library"]);
    const { outs: again } = await wiring.update("id", marked, raw);
    expect([held(), again.hash]).toEqual([[], outs.hash]);
    expect((await wiring.read("id", marked)).props.drift).toEqual(["peer token has the library"]);
  });

  it("works with a process of an earlier version, which ignores the marks", async () => {
    stack = await simulatedStack();
    const battle = await createProcess(await stack.inputs("battle", { older: true }));
    const raw = { ...(await common()), target: targetOf(battle), peers: { token: "t".repeat(43) } };
    const more = { ...raw, withoutLibrary: ["token"] };
    const { outs } = await wiring.create(more);
    expect(stack.net.oracle.state(battle.processId)?.fleet?.peers).toEqual(raw.peers);
    expect((await wiring.read("id", outs)).props).toEqual(outs);
    expect(await wiring.diff("id", outs, more)).toMatchObject({ changes: false });
  });

  it("sends once who may change the target; a sender added by hand is drift, and is removed", async () => {
    stack = await simulatedStack();
    const ledger = await createProcess(await stack.inputs("deployment-coordinator"));
    const battle = await createProcess(await stack.inputs("battle"));
    const raw = {
      ...(await common()),
      target: targetOf(battle),
      peers: {},
      deployers: { "deployment-coordinator": ledger.processId },
    };
    const allowed = () => stack.net.oracle.state(battle.processId)?.fleet?.allowed;
    const { outs } = await wiring.create(raw);
    expect(allowed()).toEqual([ledger.processId]);
    expect((await wiring.read("id", outs)).props).toEqual(outs);
    const more = { ...raw, peers: { "deployment-coordinator": ledger.processId } };
    const rewired = await wiring.update("id", outs, more);
    expect(actions(battle.processId, "SET_ALLOWED")).toBe(1);
    const stranger = "s".repeat(43);
    await wiring.create({ ...raw, deployers: { stranger } });
    const { props } = await wiring.read("id", rewired.outs);
    expect(props.drift).toEqual(
      expect.arrayContaining([`${stranger} may change it`, "deployment-coordinator may no longer change it"]),
    );
    const { outs: repaired } = await wiring.update("id", props, more);
    expect(allowed()).toEqual([ledger.processId]);
    // A sender that is no longer declared is no longer allowed.
    await wiring.update("id", repaired, { ...more, deployers: undefined });
    expect(allowed()).toEqual([]);
  });
});

describe("a release", () => {
  const declaredOf = (outs: Awaited<ReturnType<typeof createProcess>>) => ({
    entry: outs.bundle.entry,
    sourceHash: outs.bundle.hash,
    version: outs.version,
    module: outs.module,
    dependsOn: [],
    peers: [],
    config: {},
    modules: outs.bundle.modules,
    bytes: outs.bundle.bytes,
  });

  it("registers the members, takes an epoch, and writes a manifest", async () => {
    stack = await simulatedStack({ ledger: "deployment-coordinator" });
    const ledger = await createProcess(await stack.inputs("deployment-coordinator"));
    const battle = await createProcess(await stack.inputs("battle"));
    const member = (outs: typeof ledger) => ({
      processId: outs.processId,
      generation: outs.generation,
      evalId: outs.revision?.evalId ?? "",
    });
    const raw = {
      ...(await common()),
      declaration: { "deployment-coordinator": declaredOf(ledger), battle: declaredOf(battle) },
      members: { "deployment-coordinator": member(ledger), battle: member(battle) },
      evidence: {},
    };
    const { outs } = await release.create(raw);
    expect(outs.epoch).toBe(1);
    expect(actions(ledger.processId, "PROCESS_REGISTRATION")).toBe(2);
    expect(stack.net.oracle.state(ledger.processId)?.fleet?.epoch).toBe(1);
    const manifest = JSON.parse(await readFile(manifestPath(stack.scope), "utf8"));
    expect(Object.keys(manifest.processes).sort()).toEqual(["battle", "deployment-coordinator"]);
    expect(manifest.processes.battle).toMatchObject({ processId: battle.processId, status: "ACTIVE" });
    expect(await release.diff("id", outs, raw)).toMatchObject({ changes: false });
  });

  it("tells a member that lost its only peer, whose wiring left the program; the next run tells one that failed to learn it", async () => {
    stack = await simulatedStack();
    const battle = await createProcess(await stack.inputs("battle"));
    const shop = await createProcess(await stack.inputs("shop"));
    const { outs: wired } = await wiring.create({
      ...(await common()),
      ...{ target: targetOf(battle), peers: { shop: shop.processId }, deployers: { shop: shop.processId } },
    });
    const at = (outs: typeof battle) => ({
      processId: outs.processId,
      generation: outs.generation,
      evalId: outs.revision?.evalId ?? "",
    });
    const first = {
      ...(await common()),
      declaration: {
        battle: { ...declaredOf(battle), peers: ["shop"], allowed: ["shop"] },
        shop: declaredOf(shop),
      },
      members: { battle: at(battle), shop: at(shop) },
      evidence: { "battle-wiring": wired.hash },
    };
    const { outs } = await release.create(first);
    const second = {
      ...first,
      declaration: { battle: declaredOf(battle) },
      members: { battle: at(battle) },
      evidence: {},
    };
    const trusted = () => {
      const { peers, allowed } = stack.net.oracle.state(battle.processId)?.fleet ?? {};
      return [peers, allowed];
    };
    expect(trusted()).toEqual([{ shop: shop.processId }, [shop.processId]]);
    const lines = await said(() => release.diff("id", outs, second));
    expect(lines).toContain("release: members that no longer have peers, and are told: battle");
    expect(lines).toContain("release: members removed: shop");
    const isSent = ({ tags }: { tags: Record<string, string> }) => tags.Action === "WIRE_PEERS";
    // A run that fails before the member was told leaves the work to the next one.
    const failed = stillWired({ ...outs, ...second, schemaVersion: 1 as const }, outs, ["battle"]);
    expect(unwiredIn(failed, { ...outs, ...second })).toEqual(["battle"]);
    expect((await release.diff("id", failed, second)).changes).toBe(true);
    const { outs: after } = await release.update("id", failed, second);
    expect(trusted()).toEqual([{}, []]);
    expect(unwiredIn(after, { ...outs, ...second })).toEqual([]);
    const sent = stack.net.oracle.messages(battle.processId).filter(isSent).length;
    await release.update("id", after, second);
    expect(stack.net.oracle.messages(battle.processId).filter(isSent)).toHaveLength(sent);
    expect(await release.diff("id", after, second)).toMatchObject({ changes: false });
  });

  it("says how it differs from the one before, not what was sent: a preview sends nothing", async () => {
    stack = await simulatedStack();
    const at = (processId: string, evalId: string) => ({ processId, generation: 1, evalId });
    const before = {
      ...(await common()),
      ...{ declaration: {}, evidence: { "a-wiring": "1", "b-wiring": "1" } },
      members: { a: at("pa", "1"), b: at("pb", "1") },
    };
    const outs = { ...before, ...{ schemaVersion: 1 as const, releaseHash: hashOf({}), deploymentId: "d" } };
    const state = { ...outs, epoch: 0, releasedAt: "", timeoutSeconds: 120 };
    const members = { a: at("pa", "2"), b: at("other", "1"), c: at("pc", "1") };
    const evidence = { "a-wiring": "2", "c-wiring": "1" };
    expect(await said(() => release.diff("id", state, { ...before, members, evidence }))).toEqual([
      "release: new members: c",
      "release: members in another process: b",
      "release: members loaded since the last release: a",
      "release: new settings or wiring: c-wiring",
      "release: settings or wiring that differ from the last release: a-wiring",
      "release: settings or wiring removed: b-wiring",
    ]);
  });

  it("records in ledger and outputs that a person approved its traffic, and the verdict", async () => {
    stack = await simulatedStack({ ledger: "deployment-coordinator" });
    const ledger = await createProcess(await stack.inputs("deployment-coordinator"));
    const { processId, generation, revision } = ledger;
    const raw = {
      ...(await common()),
      declaration: { "deployment-coordinator": declaredOf(ledger) },
      members: { "deployment-coordinator": { processId, generation, evalId: revision?.evalId ?? "" } },
      evidence: {},
    };
    const verdict = "errorRate of calc is inconclusive";
    const last = { step: 2, weightBp: 10_000, by: "ann", outcome: "inconclusive" as const, verdict };
    const approval = { approvedBy: "person" as const, promoted: [last] };
    // The run that ended the rollout may have failed since, and this may be another one.
    await keepApproval(raw.scope, hashOf(raw.declaration), approval);
    const { outs } = await release.create(raw);
    expect(outs.approval).toEqual(approval);
    expect(verifiedRelease(outs)?.approval).toEqual(approval);
    const finished = stack.net.oracle
      .messages(processId)
      .filter(({ tags }) => tags.Phase === "finish")
      .map(({ data }) => JSON.parse(String(data)).deployRequest);
    expect(finished).toMatchObject([
      {
        status: "COMPLETED",
        reason: `promoted by hand without a pass: inconclusive: ${verdict}`,
        manifest: { release: { approval: { approvedBy: "person" } } },
      },
    ]);
    // A repair of the same release approves nothing and records nothing.
    expect(
      (await release.update("id", outs, { ...raw, evidence: { x: "2" } })).outs.approval,
    ).toBeUndefined();
    await keepApproval(raw.scope, "another release", approval);
    expect(
      (await release.update("id", outs, { ...raw, evidence: { x: "3" } })).outs.approval,
    ).toBeUndefined();
  });

  it("names what it could not retire when another operator's ledger takes precedence", async () => {
    stack = await simulatedStack({ ledger: "deployment-coordinator" });
    const winner = await createProcess(await stack.inputs("deployment-coordinator"));
    const battle = await createProcess(await stack.inputs("battle"));
    const session = await sessionFor(stack.scope, (await common()).network);
    // A ledger without code does not answer, and the unit fails for the message that retires battle.
    const own = { processId: "~".repeat(43), generation: 1 };
    const failing = (code: string) =>
      new FleetError({ code, what: "no", got: "nothing", expected: "an answer", remedy: "none" });
    const ao: typeof session.ao = {
      ...session.ao,
      async send(input, budget) {
        if (input.processId === own.processId) throw failing("NO_REPLY");
        if (input.processId === battle.processId) throw failing("UNIT_DOWN");
        return session.ao.send(input, budget);
      },
    };
    const lost = await yieldToRival({ ...session, ao }, own, 1);
    expect(lost?.code).toBe("LEDGER_TAKEN");
    expect(lost?.message).toContain(`ledger ${winner.processId}`);
    expect(lost?.message).toContain(`battle ${battle.processId} (UNIT_DOWN)`);
    expect(lost?.message).toContain(`deployment-coordinator ${own.processId} (it did not answer)`);
    expect(statusOf(stack, battle.processId)).toBe("ACTIVE");
  });

  it("gives its process up for one of the same generation that the ledger has, and the next run takes that one over", async () => {
    stack = await simulatedStack({ ledger: "deployment-coordinator" });
    const ledger = await createProcess(await stack.inputs("deployment-coordinator"));
    const battle = await createProcess(await stack.inputs("battle"));
    // Another operator spawned it at the same moment, and its run reached the ledger first.
    const session = await sessionFor(stack.scope, (await common()).network);
    const tags = { "Deployment-Key": deploymentKey(stack.scope, "battle"), Generation: "1" };
    const module = stack.net.module;
    const { id: other } = await session.ao.spawn({ intent: "other", module, tags }, budgetOf(30));
    const epoch = (await session.deployment.ledgerEpoch())?.epoch ?? 0;
    const registration = {
      processType: "battle",
      version: "1.0.0",
      capabilities: [],
      metadata: { name: "battle" },
    };
    await register(
      session,
      { ...targetOf(ledger), epoch },
      { processId: other, ...registration },
      budgetOf(30),
    );

    const member = ({ processId, generation, revision }: typeof ledger) => ({
      ...{ processId, generation, evalId: revision?.evalId ?? "" },
    });
    const raw = {
      ...(await common()),
      declaration: { "deployment-coordinator": declaredOf(ledger), battle: declaredOf(battle) },
      members: { "deployment-coordinator": member(ledger), battle: member(battle) },
      evidence: {},
    };
    // A process that this machine did not spawn was adopted, and is nobody's double.
    const adopted = { name: "battle", processId: "a".repeat(43), generation: 1 };
    const known = await registry(session, targetOf(ledger), budgetOf(30));
    const sent = stack.net.oracle.counts().messages;
    await yieldTakenMembers(session, known, { epoch }, [adopted], budgetOf(30));
    expect(stack.net.oracle.counts().messages).toBe(sent);

    await expect(release.create(raw)).rejects.toThrow(
      new RegExp(
        `MEMBER_TAKEN[\\s\\S]*${battle.processId}[\\s\\S]*${other}[\\s\\S]*battle ${battle.processId} was retired`,
      ),
    );
    expect(statusOf(stack, battle.processId)).toBe("RETIRED");
    await endRun();
    expect((await createProcess(await stack.inputs("battle"))).processId).toBe(other);
  });

  it("registers a member without the library as such, and asks it nothing", async () => {
    stack = await simulatedStack({ ledger: "deployment-coordinator" });
    const ledger = await createProcess(await stack.inputs("deployment-coordinator"));
    const token = await createProcess(await stack.inputs("token"));
    const { processId, generation, revision } = token;
    const member = (outs: typeof ledger) => ({
      ...{ processId: outs.processId, generation: outs.generation, evalId: outs.revision?.evalId ?? "" },
    });
    const asked = actions(processId, "Info");
    const raw = {
      ...(await common()),
      declaration: {
        "deployment-coordinator": declaredOf(ledger),
        token: { ...declaredOf(token), lib: false as const },
      },
      members: {
        "deployment-coordinator": member(ledger),
        token: { processId, generation, evalId: revision?.evalId ?? "" },
      },
      evidence: {},
    };
    await release.create(raw);
    expect(stack.net.oracle.state(ledger.processId)?.fleet?.ledger?.registered[processId]).toMatchObject({
      processType: "token",
      version: "1.0.0",
      capabilities: [],
      metadata: { lib: false },
    });
    expect(actions(processId, "Info")).toBe(asked);
  });

  it.each([
    ["does not describe itself", {}],
    ["does not answer Info at all", { missing: ["Info"] }],
  ])("registers a member under its name if its program %s, and so does every later run", async (_, later) => {
    stack = await simulatedStack({ ledger: "deployment-coordinator" });
    const ledger = await createProcess(await stack.inputs("deployment-coordinator"));
    const token = await createProcess(await stack.inputs("token", later, {}, false));
    const member = (outs: typeof ledger, evalId = outs.revision?.evalId ?? "") => ({
      processId: outs.processId,
      generation: outs.generation,
      evalId,
    });
    const raw = {
      ...(await common()),
      declaration: { "deployment-coordinator": declaredOf(ledger), token: declaredOf(token) },
      members: { "deployment-coordinator": member(ledger), token: member(token) },
      evidence: {},
    };
    const registered = () =>
      stack.net.oracle.state(ledger.processId)?.fleet?.ledger?.registered[token.processId];
    const { outs } = await release.create(raw);
    expect(registered()).toMatchObject({
      processType: "token",
      version: "1.0.0",
      metadata: { name: "token" },
    });
    const next = { ...raw, members: { ...raw.members, token: member(token, "e".repeat(43)) } };
    await release.update("id", outs, next);
    expect(registered()).toMatchObject({ processType: "token", metadata: { evalId: "e".repeat(43) } });
  });
});
