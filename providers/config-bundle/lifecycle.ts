import { z } from "zod";
import type { Budget } from "../../src/core/budget.ts";
import type { FleetError } from "../../src/core/errors.ts";
import { hashOf } from "../../src/core/hash.ts";
import { say } from "../../src/core/say.ts";
import { distribute, type Shipment, withdraw } from "../../src/fleet/config/distribute.ts";
import { type HeldConfig, integerVersion, readConfigs } from "../../src/fleet/config/reported-configs.ts";
import { seal } from "../../src/fleet/config/seal.ts";
import { explainData, settingText } from "../../src/fleet/config/setting-text.ts";
import { ignoreNoReply, ignoreProbeFailureOrRefusal } from "../../src/fleet/health/probe.ts";
import { isLostError } from "../../src/fleet/members/gone.ts";
import { record } from "../../src/fleet/members/manifest.ts";
import type { Target } from "../../src/fleet/members/target.ts";
import type { MemberStep } from "../../src/fleet/session/member-key.ts";
import { reportStep } from "../../src/fleet/session/progress.ts";
import { deploymentKey } from "../../src/fleet/session/scope.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { membersWithNewCode } from "../run/code-changes.ts";
import { readDriftFacts, storeDriftFacts, withoutDrift } from "../run/drift-facts.ts";
import { assumeUnchanged, checkInputs, hasUnknown, ownInputs } from "../run/inputs.ts";
import { changesBy, lifecycleOf } from "../run/lifecycle.ts";
import { PartialFailure } from "../run/partial-failure.ts";
import { reporting } from "../run/reporting.ts";
import { configure, sessionFor } from "../run/session.ts";
import { step } from "../run/step.ts";
import { type ConfigDrift, configDriftOf, driftText } from "./drift.ts";
import { type ConfigBundleInputs, ConfigBundleInputsSchema, type ConfigBundleOutputs } from "./schema.ts";

export { configure };

type Raw = Record<string, unknown>;

export async function check(olds: Raw, news: Raw) {
  // Problems do not show the value of a secret, or of a private key in the place of a public one.
  const { inputs, failures } = checkInputs(ConfigBundleInputsSchema, news, ["secretData", "sealTo"]);
  // Pulumi calls no diff for a new resource, so its settings are printed here.
  if (failures.length === 0 && Object.keys(olds).length === 0) printNew(inputs);
  return { inputs, failures };
}

const NewBundleSchema = z.looseObject({
  name: z.string(),
  configType: z.string(),
  configData: z.record(z.string(), z.unknown()),
  secretData: z.record(z.string(), z.unknown()).default({}),
});

/** Prints the settings of a new bundle. Its targets may have no ids yet, so ids are not required. */
function printNew(inputs: Raw): void {
  const parsed = NewBundleSchema.safeParse(inputs);
  if (!parsed.success) return;
  const { name, configType, configData, secretData } = parsed.data;
  const targets = ConfigBundleInputsSchema.shape.targets.safeParse(inputs.targets);
  const fields = [
    ...Object.entries(configData).map(([key, value]) => `${key} ${settingText(value)}`),
    ...Object.keys(secretData).map((key) => `${key} (sealed)`),
  ];
  const to = targets.success ? ` for ${namesOf(targets.data)}` : "";
  say(`${name}: ${configType}${to}: ${fields.join(", ") || "no settings"}`);
}

const namesOf = (targets: readonly Target[]): string => targets.map(({ name }) => name).join(", ");

export async function diff(_id: string, olds: ConfigBundleOutputs, rawNews: Raw) {
  const own = ownInputs(rawNews);
  const raw = assumeUnchanged(olds, own);
  const parsed = ConfigBundleInputsSchema.safeParse(raw);
  // An unknown value without an earlier one: something is added.
  if (!parsed.success) return { changes: true };
  const coming = hasUnknown(own.targets) ? membersWithNewCode(olds.code, own.code) : [];
  const reasons = [
    ...coming.map((name) => `also goes to ${name}, whose process id will change`),
    ...explainChanges(olds, parsed.data),
  ];
  return changesBy(parsed.data.name, reasons);
}

/** The reasons for sending a bundle, by field and target. Pure. */
export function explainChanges(olds: ConfigBundleOutputs, news: ConfigBundleInputs): string[] {
  const fields = [...explainData(olds.configData, news.configData), ...explainSecrets(olds, news)];
  const reasons = fields.map((field) => `${field} on ${namesOf(news.targets)}`);
  for (const finding of readDriftFacts(olds)) {
    const isByHand = finding.code !== "UNPROVED" && finding.code !== "UNREADABLE";
    reasons.push(`${isByHand ? "changed by hand: " : ""}${driftText(olds.configType, finding)}`);
  }
  if (hashOf(olds.rule ?? null) !== hashOf(news.rule ?? null)) reasons.push("the rules of its type changed");
  const before = new Map(olds.targets.map((target) => [target.name, target.processId]));
  for (const { name, processId } of news.targets) {
    if (before.get(name) !== processId) reasons.push(`also goes to ${name}`);
  }
  for (const { name } of dropped(olds.targets, news.targets)) reasons.push(`no longer goes to ${name}`);
  return reasons;
}

function explainSecrets(olds: ConfigBundleOutputs, news: ConfigBundleInputs): string[] {
  const [before, after] = [olds.secretData ?? {}, news.secretData ?? {}];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].sort().flatMap((key) => {
    if (before[key] === undefined) return [`${key} unset → (sealed)`];
    if (after[key] === undefined) return [`${key} (sealed) → unset`];
    if (before[key] !== after[key]) return [`${key} (sealed) → (sealed, another value)`];
    return olds.sealTo === news.sealTo ? [] : [`${key} (sealed) → (sealed to another key)`];
  });
}

/** Members that are no longer targets, although their processes may keep running. */
const dropped = (before: readonly Target[], after: readonly Target[]): Target[] =>
  before.filter(({ name }) => !after.some((target) => target.name === name));

const idOf = (inputs: ConfigBundleInputs): string => deploymentKey(inputs.scope, inputs.name);

export const { create, update } = lifecycleOf({
  ...{ schema: ConfigBundleInputsSchema, idOf },
  ensure: (inputs, raw, olds: ConfigBundleOutputs | undefined) =>
    step({ ...inputs, name: subjectOf(inputs) }, (session) => ensure(session, inputs, raw, olds)),
});

export const read = (id: string, props: ConfigBundleOutputs) =>
  reporting(subjectOf(props), () => refreshed(id, props));

async function refreshed(id: string, props: ConfigBundleOutputs) {
  const session = await sessionFor(props.scope, props.network);
  const wanted = { ...props.configData, ...props.sealed };
  const findings = await Promise.all(
    props.targets.map(async (target): Promise<ConfigDrift[]> => {
      const budget = session.budget(props.timeoutSeconds);
      const reported = await readConfigs(session, target, { configType: props.configType }, budget).catch(
        ignoreProbeFailureOrRefusal,
      );
      if (reported === "lost") return [];
      if (reported === "refused") return [{ code: "UNREADABLE", target: target.name }];
      const held = reported?.held[props.configType];
      return held?.hash === props.hash ? [] : [configDriftOf(target.name, wanted, held)];
    }),
  );
  return { id, props: { ...withoutDrift(props), ...kept(props, findings.flat()) } };
}

const kept = ({ configType }: Pick<ConfigBundleInputs, "configType">, found: readonly ConfigDrift[]) =>
  storeDriftFacts(found, (finding) => driftText(configType, finding));

/** Withdraws the settings, so that the defaults apply again, unless somebody has changed them since. */
export const remove = (_id: string, props: ConfigBundleOutputs): Promise<void> =>
  reporting(subjectOf(props), () => withdrawAll(props));

async function withdrawAll(props: ConfigBundleOutputs): Promise<void> {
  const session = await sessionFor(props.scope, props.network);
  await clear(session, props.targets, props);
}

async function clear(
  session: Session,
  targets: readonly Target[],
  { configType, hash, timeoutSeconds }: ConfigBundleOutputs,
): Promise<void> {
  await Promise.all(
    targets.map(async (target) => {
      const budget = session.budget(timeoutSeconds);
      const reported = await readConfigs(session, target, { configType }, budget).catch((error: unknown) =>
        // Such a process no longer applies settings.
        isLostError(error) ? undefined : ignoreNoReply(error),
      );
      const held = reported?.held[configType];
      if (held?.hash !== hash) return;
      await withdraw(session, target, { configType, hash, version: held.version }, budget, true);
    }),
  );
}

/** The member that a bundle is for; with several targets, the bundle's own name. */
function subjectOf({ name, targets }: ConfigBundleInputs): string {
  const [target, ...others] = targets;
  return target && others.length === 0 ? target.name : name;
}

async function ensure(
  session: Session,
  inputs: ConfigBundleInputs,
  raw: Raw,
  olds: ConfigBundleOutputs | undefined,
): Promise<ConfigBundleOutputs> {
  const { configType, targets } = inputs;
  const budget = session.budget(inputs.timeoutSeconds);
  const started = performance.now();
  const sealed = await sealAll(inputs, olds);
  const data = { ...inputs.configData, ...sealed };
  const hash = hashOf(data);
  const reported = await Promise.all(
    targets.map((target) => readTargetConfig(session, target, configType, budget)),
  );
  for (const [index, target] of targets.entries()) {
    // The target has the settings, so a message of an earlier run with them is not needed any longer.
    if (reported[index]?.held?.hash === hash) await session.supersede(stepOf(target));
  }
  const otherRule = olds !== undefined && hashOf(olds.rule ?? null) !== hashOf(inputs.rule ?? null);
  const pending = targets.filter((_target, index) => otherRule || reported[index]?.held?.hash !== hash);
  const version = nextVersion(reported, hash, olds?.version ?? 0);
  const outputs: ConfigBundleOutputs = {
    ...raw,
    ...inputs,
    schemaVersion: 1,
    hash,
    version,
    ...(inputs.secretData === undefined ? {} : { sealed }),
    drift: [],
  };
  const shipment: Shipment = {
    configType,
    data,
    version,
    hash,
    ...(inputs.rule ? { rule: inputs.rule } : {}),
  };
  const failed = await distribute(session, pending, shipment, budget);
  if (failed) throw await partial(session, inputs, outputs, failed);
  if (olds) await clear(session, dropped(olds.targets, targets), olds);
  const versions = targets.map(({ name }, index): [string, object] => {
    const held = reported[index]?.held;
    const has = held?.hash === hash ? integerVersion(held.version) : version;
    return [name, { configVersions: { [configType]: has } }];
  });
  await record(session, Object.fromEntries(versions));
  const subject = { name: inputs.name, member: subjectOf(inputs) };
  await reportStep(
    session,
    subject,
    "configured",
    `${configType} v${version} on ${namesOf(targets)}`,
    started,
  );
  return outputs;
}

async function partial(
  session: Session,
  inputs: ConfigBundleInputs,
  outputs: ConfigBundleOutputs,
  error: FleetError,
): Promise<PartialFailure> {
  await session.deployment.failed(error.problems.map(({ what }) => what).join("; "));
  return new PartialFailure(idOf(inputs), { ...outputs, ...kept(inputs, [{ code: "UNPROVED" }]) }, error);
}

/** Seals the secrets. Unchanged ones keep their sealed value, so that an unchanged fleet is sent nothing. */
async function sealAll(
  inputs: ConfigBundleInputs,
  olds: ConfigBundleOutputs | undefined,
): Promise<Record<string, string>> {
  const { secretData = {}, sealTo = "" } = inputs;
  const entries = Object.entries(secretData).map(async ([key, secret]) => {
    const before =
      olds?.sealTo === sealTo && olds.secretData?.[key] === secret ? olds.sealed?.[key] : undefined;
    return [key, before ?? (await seal(secret, sealTo))] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

interface TargetConfig {
  readonly held?: HeldConfig;
  readonly highest: number;
}

async function readTargetConfig(
  session: Session,
  target: Target,
  configType: string,
  budget: Budget,
): Promise<TargetConfig> {
  const reported = await readConfigs(session, target, { configType }, budget);
  const held = reported.held[configType];
  const highest = Math.max(reported.highest[configType] ?? 0, held ? integerVersion(held.version) : 0);
  return held ? { held, highest } : { highest };
}

/** The version that some targets already have, if the others can still accept it; otherwise one above every earlier version. Pure. */
function nextVersion(reported: readonly TargetConfig[], hash: string, before: number): number {
  const holders = reported.filter(({ held }) => held?.hash === hash);
  const common = Math.max(0, ...holders.map(({ held }) => integerVersion(held?.version ?? 0)));
  const others = reported.filter(({ held }) => held?.hash !== hash);
  if (others.every(({ highest }) => highest < common)) return common;
  return Math.max(before, ...reported.map(({ highest }) => highest)) + 1;
}

const stepOf = ({ name, generation }: Target): MemberStep => ({ name, generation, step: "UPDATE_CONFIG" });
