/** What the ledger is told of runs (`DEPLOY_PROCESS`) and of rollbacks, and what it says of one run. */
import { z } from "zod";
import type { Tags } from "../../ao/port.ts";
import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import type { Place } from "../health/verdict.ts";
import { deploymentKey, type Scope } from "../session/scope.ts";
import { ask, type Sender } from "./ask.ts";
import type { LedgerAt } from "./registry.ts";

const ACTION = "DEPLOY_PROCESS";

/** The longest reason that is sent, in characters. */
const LONGEST = 500;

const AnythingSchema = z.looseObject({});
const BegunSchema = z.looseObject({ deploymentId: z.string(), epoch: z.number().int() });

/** One message about a run. Its tags and data are the whole request: equal ones have the same intent. */
const message = (
  ledger: LedgerAt,
  tags: Tags & { readonly Phase: "begin" | "progress" | "finish" },
  deployRequest: Readonly<Record<string, unknown>> & { readonly deploymentId: string },
) => ({ ...ledger, action: ACTION, tags, data: { deployRequest } });

/** A run that begins. */
export interface RunBegun {
  readonly deploymentId: string;
  readonly operator: string;
  /** Take the fleet from another operator's run that the ledger holds for alive. @default false */
  readonly takeOver?: boolean;
}

/**
 * Begins a run.
 *
 * @param ledger with the epoch that it has before
 * @returns the epoch of the run
 * @throws FleetError as `ask`; DEPLOYMENT_IN_PROGRESS, STALE_EPOCH
 */
export async function beginRun(
  session: Sender,
  ledger: LedgerAt,
  { deploymentId, operator, takeOver = false }: RunBegun,
  budget: Budget,
): Promise<number> {
  const request = message(
    ledger,
    { Phase: "begin", "Deployment-Id": deploymentId },
    {
      ...{ deploymentId, deploymentStrategy: "DEPENDENCY_AWARE", operator },
      ...(takeOver ? { takeOver } : {}),
    },
  );
  return (await ask(session, request, BegunSchema, budget)).epoch;
}

/** What became of one process of a run. */
interface ProcessProgress {
  readonly status: "RUINED";
  readonly processId: string;
  /** Stable code. */
  readonly reason: string;
}

/** That a run goes on: a sign of life, counted, or what became of processes, by member. */
export type RunProgress =
  | { readonly beat: number }
  | { readonly processes: Readonly<Record<string, ProcessProgress>> };

/** Tells that a run goes on. @throws FleetError as `ask` */
export async function tellProgress(
  session: Sender,
  ledger: LedgerAt,
  deploymentId: string,
  progress: RunProgress,
  budget: Budget,
): Promise<void> {
  const tags = { Phase: "progress", "Deployment-Id": deploymentId } as const;
  await ask(session, message(ledger, tags, { deploymentId, ...progress }), AnythingSchema, budget);
}

/** Ends a run that did not complete: it failed, or its rollout waits for a person. @throws FleetError as `ask` */
export async function failRun(
  session: Sender,
  ledger: LedgerAt,
  deploymentId: string,
  { status, reason }: { readonly status: "FAILED" | "HELD"; readonly reason: string },
  budget: Budget,
): Promise<void> {
  const tags = { Phase: "finish", "Deployment-Id": deploymentId } as const;
  const ended = { deploymentId, status, reason: reason.slice(0, LONGEST) };
  await ask(session, message(ledger, tags, ended), AnythingSchema, budget);
}

/** What the ledger keeps of a completed run. */
export interface RunCompleted {
  readonly releaseHash: string;
  /** With the release as a whole, where it fits into a message. */
  readonly manifest: object;
  /** For people. @default none */
  readonly reason?: string | undefined;
}

const completion = (scope: Pick<Scope, "project" | "stack">) =>
  ({ Phase: "finish", "Deployment-Key": deploymentKey(scope, "release") }) as const;

/** Tags by which the messages that completed a stack's runs are found on the network, or the one of a run. Pure. */
export const completionTags = (scope: Pick<Scope, "project" | "stack">, deploymentId?: string): Tags => ({
  Action: ACTION,
  ...completion(scope),
  ...(deploymentId === undefined ? {} : { "Deployment-Id": deploymentId }),
});

/**
 * Completes a run. Any machine with the wallet can build the fleet again from this message, also where the ledger does not answer.
 *
 * @throws FleetError as `ask`
 */
export async function completeRun(
  session: Sender,
  ledger: LedgerAt,
  deploymentId: string,
  { reason, releaseHash, manifest }: RunCompleted,
  budget: Budget,
): Promise<void> {
  const tags = { ...completion(session.scope), "Deployment-Id": deploymentId };
  const completed = {
    ...{ deploymentId, status: "COMPLETED", releaseHash, manifest },
    ...(reason === undefined ? {} : { reason: reason.slice(0, LONGEST) }),
  };
  await ask(session, message(ledger, tags, completed), AnythingSchema, budget);
}

const CompletedSchema = z.looseObject({
  deployRequest: z.looseObject({
    status: z.literal("COMPLETED"),
    manifest: z.looseObject({ release: z.unknown() }),
  }),
});

/** The release in the data of a message that completed a run, as it was sent; undefined where the data is anything else. Pure. */
export function releaseIn(data: string): unknown {
  try {
    return CompletedSchema.safeParse(JSON.parse(data)).data?.deployRequest.manifest.release;
  } catch {
    return undefined;
  }
}

const StatusSchema = z.looseObject({ manifest: z.looseObject({ release: z.unknown() }).nullish() });

/**
 * The release of a run as the ledger still holds it, as it was sent.
 *
 * @returns undefined where it does not hold it, or does not know the run
 * @throws FleetError as `ask`
 */
export async function releaseOfRun(
  session: Sender,
  { name, generation, processId }: Place,
  deploymentId: string,
  budget: Budget,
): Promise<unknown> {
  const tags = { "Deployment-Id": deploymentId };
  const request = { name, generation, processId, action: "DEPLOYMENT_STATUS", tags };
  try {
    return (await ask(session, request, StatusSchema, budget)).manifest?.release;
  } catch (error) {
    if (error instanceof FleetError && error.code === "UNKNOWN_DEPLOYMENT") return undefined;
    throw error;
  }
}

const RollbackSchema = z.looseObject({ requestId: z.string() });

/**
 * Opens a rollback, or tells the phase of one.
 *
 * @param rollbackRequest the rollback; or its id and the phase
 * @returns the ledger's id of it
 * @throws FleetError as `ask`; UNKNOWN_DEPLOYMENT
 */
export async function tellRollback(
  session: Sender,
  { name, generation, processId }: Place,
  rollbackRequest: object,
  budget: Budget,
): Promise<string> {
  const request = { name, generation, processId, action: "DEPLOYMENT_ROLLBACK", data: { rollbackRequest } };
  return (await ask(session, request, RollbackSchema, budget)).requestId;
}
