import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import { crashPoint } from "../../core/crash.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import type { Target } from "../members/target.ts";
import { ask, type Sender } from "../protocol/ask.ts";
import type { Deployment } from "../session/deployment.ts";
import type { Session } from "../session/session.ts";
import { tellConfigs } from "./held.ts";
import type { Rule } from "./rules.ts";

/** Targets that are first to get their message; the others only when these took it. */
const FIRST = 20;
/** Targets that are under way at once. */
const AT_ONCE = 20;
/** Seconds for taking a version back, whatever is left of the resource's own. */
const TAKE_BACK = 30;

/** In whose name settings are sent, and under which epoch. */
export interface Distributor extends Sender, Pick<Session, "budget"> {
  readonly deployment: Pick<Deployment, "epoch">;
}

/** One version of a config, on its way. */
export interface Shipment {
  readonly configType: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly version: number;
  readonly hash: string;
  readonly rule?: Rule;
}

const AcknowledgedSchema = z.looseObject({ configType: z.string() });

/**
 * Sends a version to targets, a first batch and then the rest; each is read back. When one does not take it, the rest is not sent and the others
 * get back what they held: some with the new settings and some with the old is nobody's wish.
 *
 * @returns every problem in one error, that may pass when all that happened at the targets may; nothing when all hold it
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
  await each(targets.slice(0, FIRST), AT_ONCE, one);
  await each(targets.slice(FIRST), AT_ONCE, one);
  if (errors.length === 0) return undefined;
  const { restored, failed } = await takeBack(session, touched, shipment);
  const names = restored.filter((name) => !refused.has(name));
  const last: Problem = {
    code: "CONFIG_PARTIAL",
    what: `${refused.size} of ${targets.length} targets did not take ${shipment.configType} v${shipment.version}, so it counts for none.`,
    got:
      names.length > 0
        ? `taken back from ${names.join(", ")}, which hold what they held before`
        : "no other one had taken it",
    expected: "all of them, or none",
    remedy: "Mend what is said of the targets above and run pulumi up again.",
  };
  const [first = last, ...rest] = [...errors.flatMap(({ problems }) => problems), last, ...failed];
  return new FleetError([first, ...rest], { transient: errors.every(({ transient }) => transient) });
}

/** Works a list off, so many at once; ends when all that began has ended. */
async function each<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const worker = async () => {
    for (const item of rest) await work(item);
  };
  const results = await Promise.allSettled(Array.from({ length: atOnce }, worker));
  for (const result of results) if (result.status === "rejected") throw result.reason;
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
  const held = (await tellConfigs(session, target, { configType }, budget)).held[configType];
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

const RestoredSchema = z.looseObject({ restored: z.boolean() });

/** Compare and set, so that who never took it changes nothing; who did not answer may have taken it and is asked too. */
async function takeBack(
  session: Distributor,
  targets: readonly Target[],
  shipment: Shipment,
): Promise<{ restored: string[]; failed: Problem[] }> {
  const restored: string[] = [];
  const failed: Problem[] = [];
  const results = await Promise.allSettled(
    targets.map(async (target) => {
      if (await withdraw(session, target, shipment, session.budget(TAKE_BACK))) restored.push(target.name);
    }),
  );
  for (const [index, result] of results.entries()) {
    if (result.status === "fulfilled") continue;
    if (!(result.reason instanceof FleetError)) throw result.reason;
    // Another run has the fleet now, and its settings.
    if (result.reason.code === "STALE_EPOCH") continue;
    failed.push({
      ...result.reason.problems[0],
      what: `${targets[index]?.name} may hold ${shipment.configType} v${shipment.version} still: ${result.reason.problems[0].what}`,
    });
  }
  return { restored: restored.sort(), failed };
}

/** Has a target take one version back: to what it held before, or with `clear` to its defaults. Whether it held it. */
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
