import { budgetOf } from "../../core/budget.ts";
import { mapConcurrently } from "../../core/concurrently.ts";
import { FleetError } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { everyProcess, type StackProcess } from "../../fleet/members/every-process.ts";
import { type LedgerEntry, ledgerEntries } from "../../fleet/protocol/ledger.ts";
import { type Owner, ownerOf } from "../../fleet/protocol/ownership.ts";
import { ledgerOf } from "../rollback/ledger.ts";

/** How many processes are asked at a time. */
export const AT_ONCE = 6;

/** An address that may change processes of the fleet, by what they say themselves. */
export interface Operator {
  readonly address: string;
  /** The member whose process it is; undefined for a wallet. */
  readonly member?: string;
  /** Whether it is the wallet of this stack. */
  readonly you: boolean;
  /** Processes that it owns: it can load, hand over and retire them. */
  readonly owns: readonly string[];
  /** Processes whose deployers include it: it can change settings and the record there, but load no code. */
  readonly deploys: readonly string[];
}

/** What an address did, as the ledger recorded it. */
export interface Act {
  /** ISO 8601, by the scheduler's clock. */
  readonly at: string;
  readonly address: string;
  /** The name that the run gave itself; absent in records of earlier versions. */
  readonly operator?: string;
  readonly kind: string;
  readonly deploymentId?: string;
  readonly status?: string;
}

interface Operators {
  readonly operators: readonly Operator[];
  /** Newest first; undefined if the fleet has no ledger, or it could not be read. */
  readonly acts?: readonly Act[];
  /** Why the ledger could not be read. */
  readonly withoutLedger?: FleetError;
  /** Processes that did not say who owns them, with the reason as a code. */
  readonly unread: readonly { readonly process: string; readonly code: string }[];
}

/** Asks every process of the stack who may change it, by signed messages, and the ledger who did. */
export async function readOperators(fleet: FleetSession, seconds: number): Promise<Operators> {
  const processes = await everyProcess(fleet);
  const asked = await mapConcurrently(processes, AT_ONCE, async (process) => ({
    process,
    owner: await ownerOf(fleet.session, process, budgetOf(seconds)),
  }));
  return {
    operators: operatorsOf(asked, fleet.session.ao.address),
    ...(await actsOf(fleet, processes, seconds)),
    unread: asked.flatMap(({ process: { name }, owner }) =>
      owner.is === "KNOWN"
        ? []
        : [
            {
              process: name,
              code:
                owner.is === "UNKNOWN" ? owner.code : owner.is === "OTHER" ? "NOT_OWNER" : "PROCESS_RUINED",
            },
          ],
    ),
  };
}

/** The addresses in what processes answered, owners first. Pure. */
export function operatorsOf(
  asked: readonly { readonly process: StackProcess; readonly owner: Owner }[],
  you: string,
): Operator[] {
  const members = new Map(asked.map(({ process }) => [process.processId, process.name]));
  const found = new Map<string, { owns: string[]; deploys: string[] }>();
  const of = (address: string) => {
    const known = found.get(address) ?? { owns: [], deploys: [] };
    found.set(address, known);
    return known;
  };
  for (const { process, owner } of asked) {
    if (owner.is !== "KNOWN") continue;
    of(owner.address).owns.push(process.name);
    for (const address of owner.allowed)
      if (address !== owner.address) of(address).deploys.push(process.name);
  }
  return [...found]
    .map(([address, rights]): Operator => {
      const member = members.get(address);
      return { address, ...(member === undefined ? {} : { member }), you: address === you, ...rights };
    })
    .sort((a, b) => b.owns.length - a.owns.length || (a.address < b.address ? -1 : 1));
}

/** Kinds of entries that somebody caused by a command. */
const ACTS = new Set(["DEPLOYMENT_BEGUN", "DEPLOYMENT_FINISHED", "ROLLBACK_PHASE", "CONFIG_CHANGED"]);

/** What wallets did, newest first: members also write to the ledger. Pure. */
export const actsIn = (entries: readonly LedgerEntry[], members: ReadonlySet<string>): Act[] =>
  entries
    .filter(({ kind, from }) => ACTS.has(kind) && !members.has(from))
    .map(({ at, from, kind, operator, deploymentId, status }) => ({
      ...{ at: new Date(at).toISOString(), address: from, kind },
      ...(typeof operator === "string" ? { operator } : {}),
      ...(deploymentId === undefined ? {} : { deploymentId }),
      ...(status === undefined ? {} : { status }),
    }))
    .reverse();

async function actsOf(
  fleet: FleetSession,
  processes: readonly StackProcess[],
  seconds: number,
): Promise<Pick<Operators, "acts" | "withoutLedger">> {
  const ledger = ledgerOf(fleet);
  if (ledger === undefined) return {};
  try {
    const entries = await ledgerEntries(fleet.session, ledger, budgetOf(seconds));
    return { acts: actsIn(entries, new Set(processes.map(({ processId }) => processId))) };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return { withoutLedger: error };
  }
}
