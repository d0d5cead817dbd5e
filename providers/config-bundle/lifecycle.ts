import { z } from "zod";
import { crashPoint } from "../../ao/crash.ts";
import type { Budget } from "../../core/budget.ts";
import { FleetError, type Problem, throwAll } from "../../core/errors.ts";
import { hashOf } from "../../core/hash.ts";
import { nothingLoaded } from "../process/health.ts";
import { ask } from "../run/control.ts";
import { assumeKept, checkInputs, ownInputs } from "../run/inputs.ts";
import { record } from "../run/manifest.ts";
import { memberKey } from "../run/members.ts";
import { PartialFailure } from "../run/partial.ts";
import { say } from "../run/progress.ts";
import { deploymentKey } from "../run/scope.ts";
import { configure, type Session, sessionFor } from "../run/session.ts";
import {
  type ConfigBundleInputs,
  ConfigBundleInputsSchema,
  type ConfigBundleOutputs,
  type Target,
} from "./schema.ts";

export { configure };

type Raw = Record<string, unknown>;

const HeldSchema = z.looseObject({
  configs: z.preprocess(
    (value) => (Array.isArray(value) && value.length === 0 ? {} : value),
    z.record(z.string(), z.looseObject({ configData: z.unknown(), version: z.number(), hash: z.string() })),
  ),
});
const AcknowledgedSchema = z.looseObject({ configType: z.string(), version: z.number(), hash: z.string() });

export async function check(_olds: Raw, news: Raw) {
  return checkInputs(ConfigBundleInputsSchema, news);
}

export async function diff(_id: string, olds: ConfigBundleOutputs, rawNews: Raw) {
  const raw = assumeKept(olds, ownInputs(rawNews));
  const parsed = ConfigBundleInputsSchema.safeParse(raw);
  // Something is not known and was not there before: it joins.
  if (!parsed.success) return { changes: true };
  const news = parsed.data;
  const reasons = [
    ...explainData(olds.configData, news.configData),
    ...olds.drift.map((finding) => `changed by hand: ${finding}`),
  ];
  const before = new Map(olds.targets.map((target) => [target.name, target.processId]));
  for (const target of news.targets) {
    if (before.get(target.name) !== target.processId) reasons.push(`goes to ${target.name} too`);
  }
  for (const reason of reasons) console.log(`${news.name}: ${reason}`);
  return { changes: reasons.length > 0, replaces: [] };
}

/** Field by field: `maxConcurrentRequests 100 → 200`. Pure. */
export function explainData(before: Record<string, unknown>, after: Record<string, unknown>): string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const show = (value: unknown) => (value === undefined ? "unset" : JSON.stringify(value));
  return keys
    .filter((key) => hashOf(before[key] ?? null) !== hashOf(after[key] ?? null))
    .map((key) => `${key} ${show(before[key])} → ${show(after[key])}`);
}

export async function create(raw: Raw) {
  const inputs = ConfigBundleInputsSchema.parse(ownInputs(raw));
  return { id: idOf(inputs), outs: await ensure(inputs, raw, undefined) };
}

export async function update(_id: string, olds: ConfigBundleOutputs, raw: Raw) {
  return { outs: await ensure(ConfigBundleInputsSchema.parse(ownInputs(raw)), raw, olds) };
}

export async function read(id: string, props: ConfigBundleOutputs) {
  const session = await sessionFor(props.scope, props.network);
  const findings = await Promise.all(
    props.targets.map(async (target) => {
      const budget = session.budget(props.timeoutSeconds);
      const held = await heldBy(session, target, props.configType, budget).catch(nothingLoaded);
      return held?.hash === props.hash ? [] : [`${target.name} holds other ${props.configType}`];
    }),
  );
  return { id, props: { ...props, drift: findings.flat() } };
}

/** A process keeps its last settings when their declaration goes: there is nothing to undo on it. */
export async function remove(_id: string, _props: ConfigBundleOutputs): Promise<void> {}

const idOf = (inputs: ConfigBundleInputs): string => deploymentKey(inputs.scope, inputs.name);

async function ensure(
  inputs: ConfigBundleInputs,
  raw: Raw,
  olds: ConfigBundleOutputs | undefined,
): Promise<ConfigBundleOutputs> {
  const session = await sessionFor(inputs.scope, inputs.network);
  const budget = session.budget(inputs.timeoutSeconds);
  const hash = hashOf(inputs.configData);
  const started = performance.now();
  const held = await Promise.all(
    inputs.targets.map((target) => heldBy(session, target, inputs.configType, budget)),
  );
  const highest = Math.max(olds?.version ?? 0, ...held.map((entry) => entry?.version ?? 0));
  for (const [index, target] of inputs.targets.entries()) {
    // It is there already, so a message of an earlier run that may have brought it is done with.
    if (held[index]?.hash === hash) await session.supersede(stepOf(session, target), "");
  }
  const settled = held.every((entry) => entry?.hash === hash && entry.version === highest);
  const version = settled ? highest : highest + 1;
  const outputs: ConfigBundleOutputs = { ...raw, ...inputs, schemaVersion: 1, hash, version, drift: [] };
  const results = await Promise.allSettled(
    inputs.targets.map((target, index) =>
      held[index]?.hash === hash && held[index]?.version === version
        ? Promise.resolve()
        : distribute(session, target, inputs, version, hash, budget),
    ),
  );
  const problems: Problem[] = [];
  for (const result of results) {
    if (result.status === "fulfilled") continue;
    if (!(result.reason instanceof FleetError)) throw result.reason;
    problems.push(...result.reason.problems);
  }
  const taken = inputs.targets.filter((_target, index) => results[index]?.status === "fulfilled");
  await record(
    session,
    Object.fromEntries(taken.map(({ name }) => [name, { configVersions: { [inputs.configType]: version } }])),
  );
  try {
    throwAll(problems);
  } catch (error) {
    await session.deployment.failed(problems.map(({ what }) => what).join("; "));
    throw new PartialFailure(
      idOf(inputs),
      { ...outputs, drift: ["the last distribution was not taken by all targets"] },
      error,
    );
  }
  await say(
    session,
    inputs.name,
    "configured",
    `${inputs.configType} v${version} on ${inputs.targets.map(({ name }) => name).join(", ")}`,
    started,
  );
  return outputs;
}

const stepOf = ({ scope }: Session, { name, generation }: Target): string =>
  memberKey(scope, name, generation, "UPDATE_CONFIG/");

/** Sends to one target and reads back what it holds now. */
async function distribute(
  session: Session,
  target: Target,
  inputs: ConfigBundleInputs,
  version: number,
  hash: string,
  budget: Budget,
): Promise<void> {
  const { configType, configData } = inputs;
  const epoch = await session.deployment.epoch();
  await ask(
    session,
    { ...target, action: "UPDATE_CONFIG", epoch, data: { configType, configData, version, hash } },
    AcknowledgedSchema,
    budget,
  );
  crashPoint("config.sent");
  const held = await heldBy(session, target, configType, budget);
  if (held?.hash === hash && held.version === version) return;
  throw new FleetError({
    code: "CONFIG_NOT_TAKEN",
    what: `${target.name} acknowledged ${configType} v${version} but holds something else.`,
    got: held ? `v${held.version} ${held.hash.slice(0, 8)}` : "nothing",
    expected: `v${version} ${hash.slice(0, 8)}`,
    remedy:
      "Somebody else configures this process at the same time; run pulumi refresh and look at the preview.",
  });
}

/** What the process holds of a type, its hash recomputed from the data it gave back. */
async function heldBy(session: Session, target: Target, configType: string, budget: Budget) {
  const reply = await ask(
    session,
    { ...target, action: "GET_CONFIG", data: { configType } },
    HeldSchema,
    budget,
  );
  const held = reply.configs[configType];
  if (!held) return undefined;
  const data = Array.isArray(held.configData) && held.configData.length === 0 ? {} : held.configData;
  return { version: held.version, hash: hashOf(data) };
}
