/** Messages to the ledger about runs (`DEPLOY_PROCESS`), and the release that it keeps of a run. */
import { z } from "zod";
import type { Tags } from "../../ao/port.ts";
import type { Budget } from "../../core/budget.ts";
import { tolerate } from "../../core/errors.ts";
import { startOf } from "../../core/unicode.ts";
import type { ProcessRef } from "../health/verdict.ts";
import { deploymentKey, type Scope } from "../session/scope.ts";
import { withoutSecrets } from "../session/secrets.ts";
import { ask, type Sender } from "./ask.ts";
import type { LedgerAt } from "./registry.ts";

const ACTION = "DEPLOY_PROCESS";

/** Maximum length of a reason, in characters. */
const MAX_REASON = 500;

const AnythingSchema = z.looseObject({});
const BegunSchema = z.looseObject({ deploymentId: z.string(), epoch: z.number().int() });

/** One message about a run. Messages with equal tags and data have the same intent. */
const message = (
  ledger: LedgerAt,
  tags: Tags & { readonly Phase: "begin" | "progress" | "finish" },
  deployRequest: Readonly<Record<string, unknown>> & { readonly deploymentId: string },
) => ({ ...ledger, action: ACTION, tags, data: { deployRequest } });

/** A run at its start. */
interface RunBegun {
  readonly deploymentId: string;
  readonly operator: string;
  /** Take over the fleet although the ledger considers another operator's run alive. @default false */
  readonly takeOver?: boolean;
}

/**
 * Starts a run.
 *
 * @param ledger with its epoch before the run
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

/** The result for one process of a run. */
interface ProcessProgress {
  readonly status: "RUINED";
  readonly processId: string;
  /** A stable code. */
  readonly reason: string;
}

/** Progress of a run: a numbered sign of life, or the results for processes by member. */
type RunProgress =
  | { readonly beat: number }
  | { readonly processes: Readonly<Record<string, ProcessProgress>> };

/** Reports the progress of a run. @throws FleetError as `ask` */
export async function reportProgress(
  session: Sender,
  ledger: LedgerAt,
  deploymentId: string,
  progress: RunProgress,
  budget: Budget,
): Promise<void> {
  const tags = { Phase: "progress", "Deployment-Id": deploymentId } as const;
  await ask(session, message(ledger, tags, { deploymentId, ...progress }), AnythingSchema, budget);
}

/** Ends a run that failed, or whose rollout waits for a person; everybody can read the reason. @throws FleetError as `ask` */
export async function failRun(
  session: Sender,
  ledger: LedgerAt,
  deploymentId: string,
  { status, reason }: { readonly status: "FAILED" | "HELD"; readonly reason: string },
  budget: Budget,
): Promise<void> {
  const tags = { Phase: "finish", "Deployment-Id": deploymentId } as const;
  const ended = { deploymentId, status, reason: startOf(withoutSecrets(reason), MAX_REASON) };
  await ask(session, message(ledger, tags, ended), AnythingSchema, budget);
}

/** What the ledger stores about a completed run. */
interface RunCompleted {
  readonly releaseHash: string;
  /** Includes the whole release if it fits into a message. */
  readonly manifest: object;
  /** For display only. @default none */
  readonly reason?: string | undefined;
}

const completion = (scope: Pick<Scope, "project" | "stack">) =>
  ({ Phase: "finish", "Deployment-Key": deploymentKey(scope, "release") }) as const;

/** Tags that find the messages that completed a stack's runs on the network, or the message of one run. Pure. */
export const completionTags = (scope: Pick<Scope, "project" | "stack">, deploymentId?: string): Tags => ({
  Action: ACTION,
  ...completion(scope),
  ...(deploymentId === undefined ? {} : { "Deployment-Id": deploymentId }),
});

/**
 * Completes a run. Any machine with the wallet can rebuild the fleet from this message, even if the ledger does not answer.
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
    ...(reason === undefined ? {} : { reason: startOf(withoutSecrets(reason), MAX_REASON) }),
  };
  await ask(session, message(ledger, tags, completed), AnythingSchema, budget);
}

const CompletedSchema = z.looseObject({
  deployRequest: z.looseObject({
    status: z.literal("COMPLETED"),
    manifest: z.looseObject({ release: z.unknown() }),
  }),
});

/** The release in the data of a message that completed a run, unverified. Undefined for any other data. Pure. */
export function releaseIn(data: string): unknown {
  try {
    return CompletedSchema.safeParse(JSON.parse(data)).data?.deployRequest.manifest.release;
  } catch {
    return undefined;
  }
}

const StatusSchema = z.looseObject({ manifest: z.looseObject({ release: z.unknown() }).nullish() });

/**
 * The release of a run as the ledger keeps it, unverified.
 *
 * @returns undefined if the ledger no longer keeps it, or does not know the run
 * @throws FleetError as `ask`
 */
export async function releaseOfRun(
  session: Sender,
  { name, generation, processId }: ProcessRef,
  deploymentId: string,
  budget: Budget,
): Promise<unknown> {
  const tags = { "Deployment-Id": deploymentId };
  const request = { name, generation, processId, action: "DEPLOYMENT_STATUS", tags };
  return ask(session, request, StatusSchema, budget).then(
    ({ manifest }) => manifest?.release,
    tolerate(undefined, "UNKNOWN_DEPLOYMENT"),
  );
}
