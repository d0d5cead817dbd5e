import type { Budget } from "../../core/budget.ts";
import { deploymentKey, type Scope } from "./scope.ts";
import type { Session } from "./session.ts";

/** One AO process that a member of the fleet has or had. */
export interface Incarnation {
  readonly processId: string;
  /** 1 + the highest ever seen for this member when it was made. */
  readonly generation: number;
  /** It was told to answer `GONE`; never adopted again. */
  readonly retired: boolean;
  /** The bytes were signed but nothing proves that a unit took them: they must be sent again before it is used. */
  readonly unsent: boolean;
}

export const memberKey = (scope: Scope, name: string, generation: number, step: string): string =>
  `${deploymentKey(scope, name)}/g${generation}/${step}`;

/**
 * The member's newest process: from the journal; without a word there (another machine), from the network by its
 * `Deployment-Key` tag and our ownership. The index lags, but a fleet that another machine made is older than the lag.
 */
export async function newestIncarnation(
  session: Session,
  name: string,
  budget: Budget,
): Promise<Incarnation | undefined> {
  return fromJournal(session, name) ?? (await fromNetwork(session, name, budget));
}

function fromJournal(session: Session, name: string): Incarnation | undefined {
  let newest: Incarnation | undefined;
  const prefix = `${deploymentKey(session.scope, name)}/g`;
  const retired = new Set<number>();
  for (const entry of session.journal.history()) {
    if (!entry.key.startsWith(prefix)) continue;
    const [generation, step] = entry.key.slice(prefix.length).split("/");
    const number = Number(generation);
    if (step === "spawn" && entry.state !== "voided" && number > (newest?.generation ?? 0)) {
      newest = { processId: entry.id, generation: number, retired: false, unsent: entry.state === "signed" };
    }
    if (step === "RETIRE" && entry.state === "settled") retired.add(number);
  }
  return newest && retired.has(newest.generation) ? { ...newest, retired: true } : newest;
}

async function fromNetwork(session: Session, name: string, budget: Budget): Promise<Incarnation | undefined> {
  const found = await session.ao.find(
    {
      owners: [session.ao.address],
      tags: { Type: "Process", "Deployment-Key": deploymentKey(session.scope, name) },
    },
    budget,
  );
  let newest: Incarnation | undefined;
  for (const item of found) {
    const generation = Number(item.tags.Generation);
    if (!Number.isInteger(generation) || generation <= (newest?.generation ?? 0)) continue;
    newest = { processId: item.id, generation, retired: false, unsent: false };
  }
  return newest;
}
