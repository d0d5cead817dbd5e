/** A router's state as people read it. Pure. */
import { amount } from "../core/amount.ts";
import { unanswered } from "./error-rate.ts";
import type { Phase } from "./phase.ts";
import { WHOLE } from "./strategy.ts";
import { tableName } from "./table.ts";
import type { RevisionMetrics, Table, TrafficState } from "./wire.ts";

/** The phase that a router's table is in; undefined where it has none. */
export function phaseOf({ table, reverted }: Pick<TrafficState, "table" | "reverted">): Phase | undefined {
  if (!table) return undefined;
  if (table.mode === "held") return "HELD";
  if (table.mode === "steady") return reverted && reverted.at >= table.at ? "ROLLED_BACK" : "COMPLETED";
  const whole = Object.values(table.services).every(({ routes }) =>
    routes.some(({ weightBp }) => weightBp === WHOLE),
  );
  return whole ? "MONITORING" : "TRAFFIC_SWITCHING";
}

/** `HELD, release 1a2b…, step 2: paused by hand`; when a lease ends, in seconds of the scheduler's time. */
export function headline(state: TrafficState): string {
  const { table, lease, reverted, at } = state;
  const phase = phaseOf(state);
  if (!table || phase === undefined) return "no table";
  const more: string[] = [];
  if (mayGoOn(state)) more.push(`a person let it go on: the next deployment ${GOES_ON}`);
  else if (table.mode === "held" && table.reason !== undefined) more.push(table.reason);
  const ends = lease?.onEnd === "hold" ? "is held" : "goes back by itself";
  if (lease) more.push(`${ends} in ${Math.max(0, Math.round((lease.untilMs - at) / 1000))} s`);
  if (phase === "ROLLED_BACK" && reverted)
    more.push(
      `from ${tableName(reverted)}, ${reverted.why === "lease" ? "its lease ended" : "aborted by hand"}`,
    );
  return `${phase}, ${tableName(table)}${more.length > 0 ? `: ${more.join("; ")}` : ""}`;
}

/** What a deployment does with a held step that a person lets go on: it judges the step again first. */
export const GOES_ON = "goes on, or back if a check fails by then (onFailure: rollback)";

/** Whether a person has let a held step go on, and no run has taken it up yet. */
function mayGoOn({ table, command }: Pick<TrafficState, "table" | "command">): boolean {
  if (table?.mode !== "held" || command === undefined) return false;
  const isItsOwn = command.release === table.release && command.step === table.step;
  return isItsOwn && (command.command === "promote" || command.command === "resume");
}

/** One revision of a service as it is now. */
export interface ShownRevision {
  readonly service: string;
  readonly processId: string;
  readonly weightBp: number;
  /** sha256 of the code that the router had proved. */
  readonly sourceHash: string;
  /** Since the step began, with those of earlier steps whose faults became known in it. */
  readonly requests: number;
  readonly errors: number;
  /** Refused, which is no answer either: for a reason of the sender's, or because the state was on its way to another revision. */
  readonly refused: number;
  /** Of these, told to ask again (`DRAINING`): the state was on its way to another revision. */
  readonly draining: number;
  /** Requests without an answer by now, whatever step they were asked in. */
  readonly open: number;
}

/** A revision's figures as people read them: the same that a verdict counts. Pure. */
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

/** Every revision of the table with a share, or with requests that were asked or are open in this step, by service. */
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

/** How many of the refused requests were told to ask again, where any was: ` (all told to ask again)`. Pure. */
export const againText = ({ refused, draining }: Pick<ShownRevision, "refused" | "draining">): string =>
  draining === 0 ? "" : ` (${draining === refused ? "all" : draining} told to ask again)`;

/** What the revisions of a table were asked, for a line of a run: `battle 1a2b3c4d 7 requests, 1 fault, 3 refused`. Pure. */
export function requestsText(state: Pick<TrafficState, "table" | "metrics">): string {
  const all = revisionsOf(state);
  if (all.every(({ requests, open }) => requests === 0 && open === 0)) return "no requests yet";
  return all
    .map(({ service, processId, requests, errors, refused, draining, open }) => {
      const counts = [amount(requests, "request"), amount(errors, "fault")];
      if (refused > 0) counts.push(`${refused} refused${againText({ refused, draining })}`);
      if (open > 0) counts.push(`${open} without an answer`);
      return `${service} ${processId.slice(0, 8)} ${counts.join(", ")}`;
    })
    .join("; ");
}
