/** A router's state as text for people. Pure. */
import { amount } from "../core/amount.ts";
import { unanswered } from "./error-rate.ts";
import type { Phase } from "./phase.ts";
import { ALL_TRAFFIC_BP } from "./strategy.ts";
import { tableName } from "./table.ts";
import type { RevisionMetrics, Table, TrafficCommand, TrafficState } from "./wire.ts";

/** The phase of a router's table; undefined if it has none. */
export function phaseOf({ table, reverted }: Pick<TrafficState, "table" | "reverted">): Phase | undefined {
  if (!table) return undefined;
  if (table.mode === "held") return "HELD";
  if (table.mode === "steady") return reverted && reverted.at >= table.at ? "ROLLED_BACK" : "COMPLETED";
  const whole = Object.values(table.services).every(({ routes }) =>
    routes.some(({ weightBp }) => weightBp === ALL_TRAFFIC_BP),
  );
  return whole ? "MONITORING" : "TRAFFIC_SWITCHING";
}

/** `HELD, release 1a2b…, step 2: paused by hand`; the end of a lease is in seconds of the scheduler's time. */
export function headline(state: TrafficState): string {
  const { table, lease, reverted, at } = state;
  const phase = phaseOf(state);
  if (!table || phase === undefined) return "no table";
  const more: string[] = [];
  if (isApproved(state)) more.push(`approved by a person: the next deployment ${AFTER_APPROVAL}`);
  else if (isAborted(state))
    more.push(
      "aborted by a person: the run that watches it, or the next deployment, returns state and traffic",
    );
  else if (table.mode === "held" && table.reason !== undefined) more.push(table.reason);
  const ends = lease?.onEnd === "hold" ? "holds" : "reverts automatically";
  if (lease) more.push(`${ends} in ${Math.max(0, Math.round((lease.untilMs - at) / 1000))} s`);
  if (phase === "ROLLED_BACK" && reverted)
    more.push(
      `from ${tableName(reverted)}, ${reverted.why === "lease" ? "its lease expired" : "aborted by hand"}`,
    );
  return `${phase}, ${tableName(table)}${more.length > 0 ? `: ${more.join("; ")}` : ""}`;
}

/** What the next deployment does with a held step that a person approved: it judges the step again first. */
export const AFTER_APPROVAL = "continues, or rolls back if a check fails by then (onFailure: rollback)";

type Decided = Pick<TrafficState, "table" | "command">;

/** Whether a person has approved a held step, and no run has continued it yet. */
const isApproved = (state: Decided): boolean => ["promote", "resume"].includes(decisionOn(state) ?? "");

/** Whether a person has aborted a held step, and no run has returned it yet. */
const isAborted = (state: Decided): boolean => decisionOn(state) === "abort";

function decisionOn({ table, command }: Decided): TrafficCommand | undefined {
  if (table?.mode !== "held" || command === undefined) return undefined;
  return command.release === table.release && command.step === table.step ? command.command : undefined;
}

/** The current figures of one revision of a service. */
interface ShownRevision {
  readonly service: string;
  readonly processId: string;
  readonly weightBp: number;
  /** sha256 of the code that the router verified. */
  readonly sourceHash: string;
  /** Since the start of the step, including those of earlier steps whose faults became known in it. */
  readonly requests: number;
  readonly errors: number;
  /** Refused: because of the sender, or because the state was being moved to another revision. */
  readonly refused: number;
  /** Those of them that were told to ask again (`DRAINING`): the state was being moved to another revision. */
  readonly draining: number;
  /** Requests without an answer, whatever step they are from. */
  readonly open: number;
}

/** A revision's figures for people: the same that a verdict counts. Pure. */
export function figuresShown(
  found: RevisionMetrics | undefined,
): Pick<ShownRevision, "requests" | "errors" | "refused" | "draining" | "open"> {
  if (!found) return { requests: 0, errors: 0, refused: 0, draining: 0, open: 0 };
  const { requests, errors, refused, draining = 0, earlier = 0 } = found;
  return {
    requests: requests + earlier,
    errors: errors + earlier,
    refused: refused + draining,
    draining,
    open: unanswered(found),
  };
}

/** Every revision of the table with a share, or with requests that were received or are open in this step, by service. */
export function revisionsOf({
  table,
  metrics,
}: {
  table?: Table | undefined;
  metrics?: TrafficState["metrics"];
}): ShownRevision[] {
  return Object.entries(table?.services ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([service, { routes }]) =>
      routes
        .map(({ processId, weightBp, revision }) => {
          const figures = figuresShown(metrics?.services[service]?.[processId]);
          return { service, processId, weightBp, sourceHash: revision, ...figures };
        })
        .filter(({ weightBp, requests, open }) => weightBp > 0 || requests > 0 || open > 0),
    );
}

/** How many of the refused requests were told to ask again, if any: ` (all told to ask again)`. Pure. */
export const drainingText = ({ refused, draining }: Pick<ShownRevision, "refused" | "draining">): string =>
  draining === 0 ? "" : ` (${draining === refused ? "all" : draining} told to ask again)`;

/** The requests of a table's revisions, for a line of a run: `battle 1a2b3c4d 7 requests, 1 fault, 3 refused`. Pure. */
export function requestsText(state: Pick<TrafficState, "table" | "metrics">): string {
  const all = revisionsOf(state);
  if (all.every(({ requests, open }) => requests === 0 && open === 0)) return "no requests yet";
  return all
    .map(({ service, processId, requests, errors, refused, draining, open }) => {
      const counts = [amount(requests, "request"), amount(errors, "fault")];
      if (refused > 0) counts.push(`${refused} refused${drainingText({ refused, draining })}`);
      if (open > 0) counts.push(`${open} without an answer`);
      return `${service} ${processId.slice(0, 8)} ${counts.join(", ")}`;
    })
    .join("; ");
}
