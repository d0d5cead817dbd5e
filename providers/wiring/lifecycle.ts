import { z } from "zod";
import { crashPoint } from "../../ao/crash.ts";
import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { hashOf } from "../../core/hash.ts";
import { nothingLoaded, probe } from "../process/health.ts";
import { ask } from "../run/control.ts";
import { assumeKept, checkInputs, ownInputs } from "../run/inputs.ts";
import { memberKey } from "../run/members.ts";
import { PartialFailure } from "../run/partial.ts";
import { say } from "../run/progress.ts";
import { deploymentKey } from "../run/scope.ts";
import { configure, type Session, sessionFor } from "../run/session.ts";
import { type WiringInputs, WiringInputsSchema, type WiringOutputs } from "./schema.ts";

export { configure };

type Raw = Record<string, unknown>;

/** Lua's JSON writes an empty table as `[]`. */
const PeersSchema = z.preprocess(
  (value) => (Array.isArray(value) && value.length === 0 ? {} : value),
  z.record(z.string(), z.string()),
);
const WiredSchema = z.looseObject({ peers: PeersSchema });

export async function check(_olds: Raw, news: Raw) {
  return checkInputs(WiringInputsSchema, news);
}

export async function diff(_id: string, olds: WiringOutputs, rawNews: Raw) {
  const raw = assumeKept(olds, ownInputs(rawNews));
  const parsed = WiringInputsSchema.safeParse(raw);
  // Something is not known and was not there before: it joins.
  if (!parsed.success) return { changes: true };
  const news = parsed.data;
  const reasons = [
    ...explainPeers(olds.peers, news.peers),
    ...olds.drift.map((finding) => `changed by hand: ${finding}`),
  ];
  if (olds.target.processId !== news.target.processId) reasons.push("the process is another one");
  for (const reason of reasons) console.log(`${news.target.name} wiring: ${reason}`);
  return { changes: reasons.length > 0, replaces: [] };
}

/** `battle joins`, `shop is another process`, `admin leaves`. Pure. */
export function explainPeers(before: Record<string, string>, after: Record<string, string>): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => {
    if (before[name] === after[name]) return [];
    if (before[name] === undefined) return [`peer ${name} joins`];
    return [after[name] === undefined ? `peer ${name} leaves` : `peer ${name} is another process`];
  });
}

export async function create(raw: Raw) {
  const inputs = WiringInputsSchema.parse(ownInputs(raw));
  return { id: idOf(inputs), outs: await ensure(inputs, raw) };
}

export async function update(_id: string, _olds: WiringOutputs, raw: Raw) {
  return { outs: await ensure(WiringInputsSchema.parse(ownInputs(raw)), raw) };
}

export async function read(id: string, props: WiringOutputs) {
  const session = await sessionFor(props.scope, props.network);
  const peers = await wiredPeers(session, props).catch(nothingLoaded);
  const drift = peers ? explainPeers(props.peers, peers) : [`${props.target.name} does not answer`];
  return { id, props: { ...props, drift } };
}

/** Wiring goes with its process: a retired one calls nobody. */
export async function remove(_id: string, _props: WiringOutputs): Promise<void> {}

const idOf = (inputs: WiringInputs): string => deploymentKey(inputs.scope, `${inputs.target.name}-wiring`);

/** Tells the peers unless they are known, then proves readiness with them. */
async function ensure(inputs: WiringInputs, raw: Raw): Promise<WiringOutputs> {
  const { target, peers } = inputs;
  const session = await sessionFor(inputs.scope, inputs.network);
  const budget = session.budget(inputs.timeoutSeconds);
  const started = performance.now();
  const hash = hashOf(peers);
  const outputs: WiringOutputs = { ...raw, ...inputs, schemaVersion: 1, hash, drift: [] };
  try {
    const wired = (await wiredAlready(session, inputs, hash)) ?? (await wire(session, inputs, hash, budget));
    crashPoint("wiring.sent");
    if (hashOf(wired) !== hash) {
      throw new FleetError({
        code: "WIRING_NOT_TAKEN",
        what: `${target.name} does not hold the peers that it was told.`,
        got: Object.keys(wired).join(", ") || "none",
        expected: Object.keys(peers).join(", "),
        remedy: `npx fleet logs ${target.name}`,
      });
    }
    const verdict = await probe(session, target, "READINESS", {}, budget);
    const failed = verdict.checks.filter((item) => item.status === "UNHEALTHY");
    if (verdict.healthStatus === "UNHEALTHY" || failed.length > 0) {
      await say(
        session,
        target.name,
        "unhealthy",
        `integration test failed: ${failed.map((item) => item.name).join(", ")}`,
      );
      throw new FleetError({
        code: "NOT_READY",
        what: `${target.name} is wired but not ready: health check failed.`,
        got:
          failed.map((item) => `${item.name}: ${item.detail ?? item.status}`).join("; ") ||
          verdict.healthStatus,
        expected: "every readiness check passes",
        remedy: `npx fleet logs ${target.name}`,
      });
    }
  } catch (error) {
    await session.deployment.failed(error instanceof FleetError ? error.problems[0].what : String(error));
    throw new PartialFailure(idOf(inputs), { ...outputs, drift: ["the last wiring was not proved"] }, error);
  }
  await say(session, target.name, "wired", Object.keys(peers).join(", "), started);
  return outputs;
}

async function wire(
  session: Session,
  { target, peers }: WiringInputs,
  hash: string,
  budget: Budget,
): Promise<Record<string, string>> {
  const epoch = await session.deployment.epoch();
  const request = { ...target, action: "WIRE_PEERS", epoch, data: { peers, hash } };
  return (await ask(session, request, WiredSchema, budget)).peers;
}

/** What a run that died had told it before the state knew: only then is it worth asking. */
async function wiredAlready(
  session: Session,
  inputs: WiringInputs,
  hash: string,
): Promise<Record<string, string> | undefined> {
  const { name, generation } = inputs.target;
  const step = memberKey(session.scope, name, generation, "WIRE_PEERS/");
  if (!session.journal.history().some(({ key }) => key.startsWith(step))) return undefined;
  const peers = await wiredPeers(session, inputs);
  if (hashOf(peers) !== hash) return undefined;
  await session.supersede(step, "");
  return peers;
}

async function wiredPeers(session: Session, props: WiringInputs): Promise<Record<string, string>> {
  const info = await ask(
    session,
    { ...props.target, action: "Info" },
    WiredSchema,
    session.budget(props.timeoutSeconds),
  );
  return info.peers;
}
