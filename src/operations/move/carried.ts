/** The state that a move carries: the whole export of a process without what belongs to its fleet. */
import type { Budget } from "../../core/budget.ts";
import { tolerate } from "../../core/errors.ts";
import { canonicalJson, sha256 } from "../../core/hash.ts";
import { parseJson } from "../../core/json.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { ProcessRef } from "../../fleet/health/verdict.ts";
import { traffic } from "../../fleet/protocol/traffic.ts";
import { contentsOf, StateSchema } from "../../fleet/snapshot/contents.ts";
import { type ExportedSnapshot, exportState } from "../../fleet/snapshot/take.ts";

/** The library's state with a router's table, which names the processes of its own fleet. */
const ROUTER_STATE = "traffic";

/**
 * Codes of a process that has no router; its program may use the name of that state itself. No answer proves nothing: the table of a router
 * would be carried.
 */
const NO_ROUTER: readonly string[] = ["UNKNOWN_ACTION", "BAD_REPLY"];

/** What a move takes from a process, or finds in it. */
export interface Carried {
  readonly exported: ExportedSnapshot;
  /** As IMPORT_STATE takes it. */
  readonly state: object;
  /** sha256 of its canonical JSON. */
  readonly digest: string;
  readonly bytes: number;
  /** Registered tables that are not empty, and globals. */
  readonly contents: ReturnType<typeof contentsOf>;
}

/** Why a state is read. */
interface Occasion {
  /** The move. */
  readonly id: string;
  /** The code that the process runs. */
  readonly sourceHash: string;
  /** `restore`: the state is about to be replaced, so it is never the newest backup. @default none: no snapshot is taken */
  readonly reason?: "backup" | "restore";
}

/** The part of an export that a move carries. Pure. */
export function carriedIn(exported: ExportedSnapshot, hasRouter: boolean): Carried {
  const whole = StateSchema.parse(parseJson(exported.text));
  const { [ROUTER_STATE]: table, ...others } = whole.states ?? {};
  const state = hasRouter && table !== undefined ? { ...whole, states: others } : whole;
  const text = canonicalJson(state);
  return {
    exported,
    state,
    digest: sha256(text),
    bytes: Buffer.byteLength(text),
    contents: contentsOf(state),
  };
}

/**
 * Exports a process' state.
 *
 * @param globals globals to export. @default those in the declaration, else those that messages changed
 * @throws FleetError as `exportState`
 */
export async function readCarried(
  { session }: Pick<FleetSession, "session">,
  place: ProcessRef,
  { id, sourceHash, reason }: Occasion,
  hasRouter: boolean,
  budget: Budget,
  globals?: readonly string[],
): Promise<Carried> {
  const occasion = { reason: reason ?? "backup", sourceHash, deploymentId: id };
  const extent = { isSnapshot: reason !== undefined, ...(globals === undefined ? {} : { globals }) };
  return carriedIn(await exportState(session, place, occasion, budget, extent), hasRouter);
}

/** Whether a process contains a router. Asks it only if its state may be a router's: one that was not read may be. */
export async function containsRouter(
  { session }: Pick<FleetSession, "session">,
  place: ProcessRef,
  text: string | undefined,
  budget: Budget,
): Promise<boolean> {
  if (text !== undefined && StateSchema.parse(parseJson(text)).states?.[ROUTER_STATE] === undefined)
    return false;
  return traffic(session, place, budget).then(() => true, tolerate(false, ...NO_ROUTER));
}
