import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import { mapConcurrently } from "../../core/concurrently.ts";
import { crashPoint } from "../../core/crash.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import type { Target } from "../members/target.ts";
import { ask, type Sender } from "../protocol/ask.ts";
import type { Deployment } from "../session/deployment.ts";
import type { Session } from "../session/session.ts";
import { readConfigs } from "./reported-configs.ts";
import type { Rule } from "./rules.ts";

/** Number of targets in the first batch; the others follow only if these accepted the message. */
const FIRST = 20;
/** Number of targets that are updated at the same time. */
const MAX_CONCURRENT = 20;
/** Time limit in seconds for restoring the previous version, whatever is left of the resource's own. */
const RESTORE_SECONDS = 30;

/** The sender of settings, and the epoch. */
export interface Distributor extends Sender, Pick<Session, "budget"> {
  readonly deployment: Pick<Deployment, "epoch">;
  /** Whether a command sends them: then no run sends them again. @default false */
  readonly isByHand?: boolean;
}

/** One version of a config that is being distributed. */
export interface Shipment {
  readonly configType: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly version: number;
  readonly hash: string;
  readonly rule?: Rule;
}

const AcknowledgedSchema = z.looseObject({ configType: z.string() });

/**
 * Sends a version to targets, first to a batch and then to the rest, and reads each back. If one target does not accept it, the rest
 * is not sent and the others are restored to their previous version, so that all targets have the same settings.
 *
 * @returns every problem in one error, transient if all failures are; undefined if all targets hold the version
 */
export async function distribute(
  session: Distributor,
  targets: readonly Target[],
  shipment: Shipment,
  budget: Budget,
): Promise<FleetError | undefined> {
  const touched: Target[] = [];
  const errors: FleetError[] = [];
  const refused = new Set<string>();
  const one = async (target: Target): Promise<void> => {
    if (errors.length > 0) return;
    touched.push(target);
    try {
      await deliver(session, target, shipment, budget);
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      errors.push(error);
      refused.add(target.name);
    }
  };
  await mapConcurrently(targets.slice(0, FIRST), MAX_CONCURRENT, one);
  await mapConcurrently(targets.slice(FIRST), MAX_CONCURRENT, one);
  if (errors.length === 0) return undefined;
  const { restored, failed } = await restorePrevious(session, touched, shipment);
  const names = restored.filter((name) => !refused.has(name));
  const last: Problem = {
    code: "CONFIG_PARTIAL",
    what: `${refused.size} of ${targets.length} targets did not accept ${shipment.configType} v${shipment.version}, so it applies to none.`,
    got:
      names.length > 0
        ? `${names.join(", ")} restored to the previous version`
        : "no other target had accepted it",
    expected: "all of them, or none",
    remedy: `Fix the problems of the targets above and run ${session.isByHand ? "the command" : "pulumi up"} again.`,
  };
  const [first = last, ...rest] = [...errors.flatMap(({ problems }) => problems), last, ...failed];
  return new FleetError([first, ...rest], { transient: errors.every(({ transient }) => transient) });
}

/** Sends to one target and reads back what it holds now. */
async function deliver(
  session: Distributor,
  target: Target,
  shipment: Shipment,
  budget: Budget,
): Promise<void> {
  const { configType, data: configData, version, hash, rule } = shipment;
  const epoch = await session.deployment.epoch();
  const data = { configType, configData, version, hash, ...(rule === undefined ? {} : { rule }) };
  await ask(session, { ...target, action: "UPDATE_CONFIG", epoch, data }, AcknowledgedSchema, budget);
  crashPoint("config.sent");
  const held = (await readConfigs(session, target, { configType }, budget)).held[configType];
  if (held?.hash === hash && held.version === version) return;
  throw new FleetError({
    code: "CONFIG_NOT_TAKEN",
    what: `${target.name} acknowledged ${configType} v${version} but holds another version.`,
    got: held ? `v${held.version} ${held.hash.slice(0, 8)}` : "nothing",
    expected: `v${version} ${hash.slice(0, 8)}`,
    remedy:
      "Another client configures this process at the same time; run pulumi refresh and check the preview.",
  });
}

const RestoredSchema = z.looseObject({ restored: z.boolean() });

/** What became of targets that were to withdraw a version. */
interface Restored {
  /** Names of those that held it, and hold their previous one now. */
  readonly restored: readonly string[];
  /** Names of those that held another version. */
  readonly others: readonly string[];
  /** A problem for each that may still hold it. */
  readonly failed: readonly Problem[];
}

/** Restores by compare-and-set, which does not affect targets that never accepted the version; includes targets that did not answer. */
export async function restorePrevious(
  session: Distributor,
  targets: readonly Target[],
  shipment: Shipment,
): Promise<Restored> {
  const restored: string[] = [];
  const others: string[] = [];
  const failed: Problem[] = [];
  const one = async (target: Target): Promise<void> => {
    const didHold = await withdraw(session, target, shipment, session.budget(RESTORE_SECONDS));
    (didHold ? restored : others).push(target.name);
  };
  const results = await Promise.allSettled(targets.map(one));
  for (const [index, result] of results.entries()) {
    if (result.status === "fulfilled") continue;
    if (!(result.reason instanceof FleetError)) throw result.reason;
    // Another run now controls the fleet and its settings.
    if (result.reason.code === "STALE_EPOCH" && !session.isByHand) continue;
    failed.push({
      ...result.reason.problems[0],
      what: `${targets[index]?.name} may still hold ${shipment.configType} v${shipment.version}: ${result.reason.problems[0].what}`,
    });
  }
  return { restored: restored.sort(), others: others.sort(), failed };
}

/** Makes a target withdraw one version: to its previous one, or with `clear` to its defaults. Returns whether it held that version. */
export async function withdraw(
  session: Distributor,
  target: Target,
  {
    configType,
    version,
    hash,
  }: Pick<Shipment, "configType" | "hash"> & { readonly version: number | string },
  budget: Budget,
  clear = false,
): Promise<boolean> {
  const epoch = await session.deployment.epoch();
  const data = { configType, version, hash, ...(clear ? { clear } : {}) };
  const reply = await ask(
    session,
    { ...target, action: "RESTORE_CONFIG", epoch, data },
    RestoredSchema,
    budget,
  );
  return reply.restored;
}
