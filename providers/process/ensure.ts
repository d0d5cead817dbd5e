import { setTimeout as sleep } from "node:timers/promises";
import type { Budget } from "../../src/core/budget.ts";
import { crashPoint } from "../../src/core/crash.ts";
import { FleetError } from "../../src/core/errors.ts";
import { ensureModule } from "../../src/fleet/code/module.ts";
import { awaitHealthyWithoutLibrary, runsWithoutLibrary } from "../../src/fleet/code/without-library.ts";
import type { CheckSet } from "../../src/fleet/health/check-types.ts";
import { storeDriftCodes } from "../../src/fleet/health/drift-codes.ts";
import { awaitHealthy } from "../../src/fleet/health/probe.ts";
import type { HealthOutput } from "../../src/fleet/health/schema.ts";
import type { Expected, ProcessRef } from "../../src/fleet/health/verdict.ts";
import { type ManifestProcess, record } from "../../src/fleet/members/manifest.ts";
import { withReplaceRemedy } from "../../src/fleet/members/ruined.ts";
import { memberKey } from "../../src/fleet/session/member-key.ts";
import { reportStep } from "../../src/fleet/session/progress.ts";
import { deploymentKey } from "../../src/fleet/session/scope.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { PartialFailure } from "../run/partial-failure.ts";
import { driveCron } from "./cron.ts";
import { ensureCode } from "./ensure-code.ts";
import type { FoundProcess } from "./ensure-process.ts";
import { findOrSpawn, type Placement } from "./find-or-spawn.ts";
import { retireSurplus, withDeclaredFirst } from "./retention.ts";
import type { ProcessInputs, ProcessOutputs } from "./schema.ts";
import { repairServing } from "./serving-revisions.ts";

/** Observe → ensure → load → verify: the same path for create, update, repair and recovery. */
export async function ensure(
  session: Session,
  inputs: ProcessInputs,
  raw: Record<string, unknown>,
  olds: ProcessOutputs | undefined,
): Promise<ProcessOutputs> {
  const budget = session.budget(inputs.timeoutSeconds);
  await ensureModule(session, inputs, olds, budget);
  const placement = await findOrSpawn(session, inputs, olds, budget).catch((error: unknown) => {
    throw withReplaceRemedy(inputs.name, error);
  });
  const known = knownOutputs(session, inputs, raw, olds, placement);
  try {
    const outputs = await loadAndVerify(session, inputs, olds, placement, known, budget);
    if (inputs.strategy === undefined) return outputs;
    const held = await repairServing(session, inputs, outputs, budget, (at, own, before) =>
      ensureCode(session, at, own, before, budget),
    );
    return await retireSurplus(session, inputs, { ...outputs, ...(held && { revisions: held }) }, budget);
  } catch (error) {
    if (error instanceof PartialFailure) throw error;
    const why = error instanceof FleetError ? error.problems[0].what : String(error);
    // A failure to write the manifest must not hide the error.
    await noted(session, inputs, placement, () =>
      manifestEntry(inputs, known, { status: "UNKNOWN", reasons: [] }),
    ).catch(() => {});
    await session.deployment.failed(`${inputs.name}: ${why}`);
    const cause = await explained(session, placement.place, error);
    throw new PartialFailure(
      deploymentKey(inputs.scope, inputs.name),
      { ...known, ...failureOf(cause) },
      cause,
    );
  }
}

/** The outputs that are known as soon as the member has a process. A failure later on records them. */
function knownOutputs(
  session: Session,
  inputs: ProcessInputs,
  raw: Record<string, unknown>,
  olds: ProcessOutputs | undefined,
  { place, held, before }: Placement,
): ProcessOutputs {
  return {
    ...raw,
    ...inputs,
    schemaVersion: 1,
    processId: place.processId,
    generation: place.generation,
    moduleId: place.moduleId,
    owner: session.ao.address,
    ...(before === undefined ? {} : { revision: before }),
    ...(inputs.strategy === undefined && olds?.revisions === undefined ? {} : { revisions: [...held] }),
    ...(inputs.strategy === undefined || olds?.blue === undefined ? {} : { blue: olds.blue }),
    ...ruinedOf(olds, place),
    health: { status: "UNKNOWN", reasons: [] },
    ...storeDriftCodes([]),
  };
}

/** The error for the state, so that the next preview can say it. */
function failureOf(error: unknown): Pick<ProcessOutputs, "failure"> {
  if (!(error instanceof FleetError)) return {};
  const { code, what, remedy } = error.problems[0];
  return { failure: { code, what, remedy } };
}

/** The ruined processes of this member, for the state. */
function ruinedOf(
  olds: ProcessOutputs | undefined,
  { instead }: FoundProcess,
): Pick<ProcessOutputs, "ruined"> {
  const ruined = [...(olds?.ruined ?? []), ...(instead === undefined ? [] : [instead])];
  return ruined.length === 0 ? {} : { ruined };
}

/** Loads the code and drives the cron, then waits until the process reports that it is healthy. */
async function loadAndVerify(
  session: Session,
  inputs: ProcessInputs,
  olds: ProcessOutputs | undefined,
  placement: Placement,
  known: ProcessOutputs,
  budget: Budget,
): Promise<ProcessOutputs> {
  const { place, before, waits = false } = placement;
  const { revision: _, ...others } = olds ?? {};
  const view = olds && ({ ...others, ...(before && { revision: before }) } as ProcessOutputs);
  const revision = await ensureCode(session, place, inputs, view, budget);
  await driveCron(session, place, inputs, olds, budget);
  const started = performance.now();
  const expected = { version: inputs.version, sourceHash: inputs.bundle.hash };
  // Whether it accepts requests is the traffic resource's, while its state is with another revision.
  const checks = waits ? "CONTINUOUS" : "ALL";
  const health = await healthOf(session, place, expected, inputs, budget, { code: revision.code, checks });
  const outputs = withDeclaredFirst({ ...known, revision, health });
  crashPoint("process.judged");
  await noted(session, inputs, placement, () => manifestEntry(inputs, outputs, health));
  if (health.status !== "HEALTHY" && health.status !== "DEGRADED") {
    await reportStep(
      session,
      inputs.name,
      "unhealthy",
      `health check failed: ${health.reasons.join("; ")}`,
      started,
    );
    await session.deployment.failed(`${inputs.name} is ${health.status}`);
    throw new PartialFailure(
      deploymentKey(inputs.scope, inputs.name),
      outputs,
      unhealthy(inputs.name, health),
    );
  }
  await session.deployment.assertKept(inputs.name, place);
  await session.ao.settle(memberKey(session.scope, inputs.name, place.generation, "spawn"));
  const said = [health.status, ...health.reasons, ...(waits ? [WAITS] : [])];
  await reportStep(session, inputs.name, "ready", said.join(" "), started);
  return outputs;
}

/** What the report adds for a revision whose state is with another one. */
const WAITS = "(refuses requests until the traffic returns with its state)";

/** Waits until the process is healthy and, with `minHealthySeconds`, checks it again after that time. */
async function healthOf(
  session: Session,
  place: ProcessRef,
  expected: Expected,
  { healthCheck, minHealthySeconds, lib }: ProcessInputs,
  budget: Budget,
  { code = [], checks }: { readonly code?: readonly string[] | undefined; readonly checks: CheckSet },
): Promise<HealthOutput> {
  const check = (policy: typeof healthCheck) =>
    runsWithoutLibrary({ lib })
      ? awaitHealthyWithoutLibrary(session, place, code, policy, budget)
      : awaitHealthy(session, place, expected, policy, budget, checks);
  const first = await check(healthCheck);
  const up = first.status === "HEALTHY" || first.status === "DEGRADED";
  if (!up || minHealthySeconds === undefined || minHealthySeconds === 0) return first;
  await sleep(Math.min(minHealthySeconds * 1000, budget.remaining()));
  return check({ ...healthCheck, retries: 0 });
}

/** A member whose epoch is higher than the ledger's refuses every run: raises the ledger's epoch, and says so in the error. */
async function explained(session: Session, place: ProcessRef, error: unknown): Promise<unknown> {
  if (!(error instanceof FleetError) || error.code !== "STALE_EPOCH")
    return withReplaceRemedy(place.name, error);
  const behind = await session.deployment.catchUp(place, place.name).catch(() => false);
  if (!behind) return error;
  return new FleetError({
    ...error.problems[0],
    what: `${place.name} is ahead of the ledger: its epoch was raised by hand, or the ledger was created again.`,
    remedy: "The ledger's epoch was raised to match. Run pulumi up again.",
  });
}

/** Writes the member to the manifest. While another revision has the traffic, the manifest keeps that one. */
async function noted(
  session: Session,
  { name, strategy }: ProcessInputs,
  { place, held }: Placement,
  entry: () => Partial<ManifestProcess>,
): Promise<void> {
  const isAlone = held.every(({ processId }) => processId === place.processId);
  if (isAlone || strategy === undefined) await record(session, { [name]: entry() });
  else await record(session, { [name]: { router: strategy.router } });
}

function unhealthy(name: string, health: HealthOutput): FleetError {
  return new FleetError({
    code: "UNHEALTHY",
    what: `${name} is deployed but ${health.status}: health check failed.`,
    got: health.reasons.join("; "),
    expected: "HEALTHY",
    remedy: `Fix it and run pulumi up again: the process and its id are kept. npx fleet logs ${name} shows its output.`,
  });
}

function manifestEntry(
  inputs: ProcessInputs,
  outputs: ProcessOutputs,
  health: HealthOutput,
): Partial<ManifestProcess> {
  const up = health.status === "HEALTHY" || health.status === "DEGRADED";
  return {
    processId: outputs.processId,
    status: up ? "ACTIVE" : health.status,
    deploymentTime: new Date().toISOString(),
    dependencies: inputs.dependencies,
    version: inputs.version,
    sourceHash: outputs.revision?.sourceHash ?? "",
    module: outputs.moduleId,
    generation: outputs.generation,
    ...(outputs.revision === undefined ? {} : { revision: outputs.revision.evalId }),
    // Set in any case: a member that got the library must not keep its earlier values.
    lib: runsWithoutLibrary(inputs) ? false : undefined,
    code: runsWithoutLibrary(inputs) ? outputs.revision?.code : undefined,
    router: inputs.strategy?.router,
  };
}
