import type { Budget } from "../../src/core/budget.ts";
import { crashPoint } from "../../src/core/crash.ts";
import { FleetError, tolerate } from "../../src/core/errors.ts";
import { hashOf } from "../../src/core/hash.ts";
import { ignoreProbeFailure, probe } from "../../src/fleet/health/probe.ts";
import { wiringName } from "../../src/fleet/members/resource-names.ts";
import { withReplaceRemedy } from "../../src/fleet/members/ruined.ts";
import type { Target } from "../../src/fleet/members/target.ts";
import { ask } from "../../src/fleet/protocol/ask.ts";
import { info } from "../../src/fleet/protocol/info.ts";
import { isStep, type MemberStep } from "../../src/fleet/session/member-key.ts";
import { reportStep } from "../../src/fleet/session/progress.ts";
import { deploymentKey } from "../../src/fleet/session/scope.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { assertNode } from "../run/assert-node.ts";
import { readDriftFacts, storeDriftFacts, withoutDrift } from "../run/drift-facts.ts";
import { assumeUnchanged, ownInputs } from "../run/inputs.ts";
import { changesBy, lifecycleOf } from "../run/lifecycle.ts";
import { PartialFailure } from "../run/partial-failure.ts";
import { reporting } from "../run/reporting.ts";
import { configure, sessionFor } from "../run/session.ts";
import { step } from "../run/step.ts";
import { changeText, driftText, type WiringDrift } from "./drift.ts";
import { proveProbe } from "./probes.ts";
import { type WiringInputs, WiringInputsSchema, type WiringOutputs } from "./schema.ts";
import {
  AdmittedSchema,
  AllowedSchema,
  deployerChanges,
  explainNewProcesses,
  namesOf,
  reportedTable,
  type Table,
  tableChanges,
  tableHash,
  tableOf,
  WirePeersReplySchema,
} from "./table.ts";

export { configure };

type Raw = Record<string, unknown>;

const idOf = (inputs: WiringInputs): string =>
  deploymentKey(inputs.scope, inputs.name ?? wiringName(inputs.target.name));

export const { check, create, update } = lifecycleOf({
  ...{ schema: WiringInputsSchema, idOf },
  ensure: (inputs, raw, olds: WiringOutputs | undefined) =>
    step({ ...inputs, name: inputs.target.name }, (session) => ensure(session, inputs, raw, olds)),
});

export async function diff(_id: string, olds: WiringOutputs, rawNews: Raw) {
  const own = ownInputs(rawNews);
  const raw = assumeUnchanged(olds, own);
  const parsed = WiringInputsSchema.safeParse(raw);
  // An unknown value without an earlier one: something is added.
  if (!parsed.success) return { changes: true };
  const news = parsed.data;
  const isSame = olds.target.processId === news.target.processId;
  const coming = explainNewProcesses(olds, own);
  if (news.newOnly && isSame && coming.length === 0 && olds.drift.length === 0)
    return { changes: false, replaces: [] };
  const reasons = [
    ...coming,
    ...tableChanges(tableOf(olds), tableOf(news)).map(changeText),
    ...deployerChanges(olds.deployers ?? {}, Object.values(news.deployers ?? {}), news.deployers).map(
      changeText,
    ),
    ...readDriftFacts(olds).map(driftReason),
  ];
  if (olds.target.processId !== news.target.processId) reasons.push("the process id changed");
  return changesBy(`${news.target.name} wiring`, reasons);
}

/** The reason for a change that follows from a finding of the last refresh, or from a failed run. */
function driftReason(finding: WiringDrift): string {
  const isByHand = finding.code !== "UNPROVED" && finding.code !== "UNANSWERED";
  return `${isByHand ? "changed by hand: " : ""}${driftText(finding)}`;
}

export const read = (id: string, props: WiringOutputs) =>
  reporting(props.target.name, () => refreshed(id, props));

async function refreshed(id: string, props: WiringOutputs) {
  // The wiring that follows traffic may have rewired the process since.
  if (props.newOnly) return { id, props };
  const session = await sessionFor(props.scope, props.network);
  const reported = await infoOf(session, props).catch(ignoreProbeFailure);
  if (reported === "lost") return { id, props };
  const found: WiringDrift[] = reported
    ? [
        ...tableChanges(tableOf(props), reportedTable(reported, tableOf(props))),
        ...(props.deployers ? deployerChanges(props.deployers, reported.allowed) : []),
      ]
    : [{ code: "UNANSWERED", target: props.target.name }];
  return { id, props: { ...withoutDrift(props), ...storeDriftFacts(found, driftText) } };
}

/** Sends nothing: a retired process calls no peers, and the release tells one that stays. @throws FleetError as `assertNode` */
export const remove = (_id: string, props: WiringOutputs): Promise<void> =>
  reporting(props.target.name, () => assertNode(props.network));

/** Sends the peers unless the target has them, and the list of who may change it; then checks that the target is ready. */
async function ensure(
  session: Session,
  inputs: WiringInputs,
  raw: Raw,
  olds: WiringOutputs | undefined,
): Promise<WiringOutputs> {
  const { target } = inputs;
  const budget = session.budget(inputs.timeoutSeconds);
  const started = performance.now();
  const table = tableOf(inputs);
  const hash = tableHash(table);
  const outputs: WiringOutputs = { ...raw, ...inputs, schemaVersion: 1, hash, drift: [] };
  try {
    const reported =
      (await wiredAlready(session, inputs, table)) ?? (await wire(session, inputs, table, budget));
    await allow(session, inputs, olds, budget);
    await admit(session, inputs, budget);
    crashPoint("wiring.sent");
    if (tableHash(reported) !== hash) {
      throw new FleetError({
        code: "WIRING_NOT_TAKEN",
        what: `${target.name} does not have the peers that it was sent.`,
        got: namesOf(reported),
        expected: namesOf(inputs),
        remedy: `npx fleet logs ${target.name}`,
      });
    }
    await assertReady(session, target, budget);
    for (const one of inputs.probes ?? []) await proveProbe(session, target, one, budget);
  } catch (error) {
    await session.deployment.failed(error instanceof FleetError ? error.problems[0].what : String(error));
    throw new PartialFailure(
      idOf(inputs),
      { ...outputs, ...storeDriftFacts<WiringDrift>([{ code: "UNPROVED" }], driftText) },
      withReplaceRemedy(target.name, error),
    );
  }
  await reportStep(session, target.name, "wired", namesOf(inputs), started);
  return outputs;
}

/** Runs the target's own readiness checks, now that it knows its peers. */
async function assertReady(session: Session, target: Target, budget: Budget): Promise<void> {
  const verdict = await probe(session, target, "READINESS", {}, budget);
  const failed = verdict.checks.filter((item) => item.status === "UNHEALTHY");
  if (verdict.healthStatus !== "UNHEALTHY" && failed.length === 0) return;
  const names = failed.map((item) => item.name).join(", ");
  await reportStep(session, target.name, "unhealthy", `integration test failed: ${names}`);
  throw new FleetError({
    code: "NOT_READY",
    what: `${target.name} is wired but not ready: health check failed.`,
    got:
      failed.map((item) => `${item.name}: ${item.detail ?? item.status}`).join("; ") || verdict.healthStatus,
    expected: "every readiness check passes",
    remedy: `npx fleet logs ${target.name}`,
  });
}

/** Tells members that the target calls to accept it as a peer, in addition to the process that they call by its name. */
async function admit(
  session: Session,
  { target, admit: others }: WiringInputs,
  budget: Budget,
): Promise<void> {
  if (others === undefined || others.length === 0) return;
  const epoch = await session.deployment.epoch();
  const data = { name: target.name, processId: target.processId };
  await Promise.all(
    others.map(async (other) => {
      const request = { ...other, action: "ADMIT_PEER", epoch, data };
      // A member without peers gets all of them, this one included, after traffic has moved.
      await ask(session, request, AdmittedSchema, budget)
        .catch(tolerate(undefined, "PEER_UNKNOWN", "NO_REPLY"))
        .catch((error: unknown) => {
          throw withReplaceRemedy(other.name, error);
        });
    }),
  );
}

async function wire(
  session: Session,
  { target }: WiringInputs,
  table: Table,
  budget: Budget,
): Promise<Table> {
  const { peers, routerId, withoutLibrary } = table;
  const epoch = await session.deployment.epoch();
  const bare = withoutLibrary === undefined ? {} : { withoutLibrary };
  const router = routerId === undefined ? {} : { router: routerId };
  const data = { peers, hash: tableHash(table), ...bare, ...router };
  const request = { ...target, action: "WIRE_PEERS", epoch, data };
  const reply = await ask(session, request, WirePeersReplySchema, budget);
  return reportedTable({ ...reply, peersWithoutLibrary: reply.withoutLibrary }, table);
}

/** The table that a run which died had sent before the state knew of it. The target is asked only if the journal has such a message. */
async function wiredAlready(
  session: Session,
  inputs: WiringInputs,
  table: Table,
): Promise<Table | undefined> {
  const { name, generation } = inputs.target;
  const step: MemberStep = { name, generation, step: "WIRE_PEERS" };
  if (!session.journal.history().some(({ key }) => isStep(session.scope, key, step))) return undefined;
  const held = reportedTable(await infoOf(session, inputs), table);
  if (tableHash(held) !== tableHash(table)) return undefined;
  await session.supersede(step);
  return held;
}

/** Sends the list of who may change the target, if it is declared and differs. */
async function allow(
  session: Session,
  { target, deployers }: WiringInputs,
  olds: WiringOutputs | undefined,
  budget: Budget,
): Promise<void> {
  const [before, after] = [olds?.deployers ?? {}, deployers ?? {}].map((one) => Object.values(one).sort());
  const isNew = olds?.target.processId !== target.processId;
  if (hashOf(before) === hashOf(after) && (!isNew || after?.length === 0) && (olds?.drift ?? []).length === 0)
    return;
  if (deployers === undefined && before?.length === 0) return;
  const epoch = await session.deployment.epoch();
  const request = { ...target, action: "SET_ALLOWED", epoch, data: { allowed: after } };
  const { allowed } = await ask(session, request, AllowedSchema, budget);
  if (hashOf([...allowed].sort()) === hashOf(after)) return;
  throw new FleetError({
    code: "WIRING_NOT_TAKEN",
    what: `${target.name} did not accept the list of who may change it.`,
    got: allowed.join(", ") || "nobody",
    expected: Object.keys(deployers ?? {}).join(", ") || "nobody",
    remedy: `npx fleet logs ${target.name}`,
  });
}

const NEEDED = ["peers", "peersWithoutLibrary", "router", "allowed"] as const;

const infoOf = (session: Session, props: WiringInputs) =>
  info(session, props.target, session.budget(props.timeoutSeconds), ...NEEDED);
