/** The progress of a rollout. Pure. */
import {
  type Approval,
  activeOf,
  isSameTable,
  type Phase,
  type Promotion,
  phaseOf,
} from "../../src/delivery/index.ts";
import { isOver } from "../../src/delivery/phase.ts";
import type { Table, TrafficState } from "../../src/delivery/wire.ts";
import type { Shares, TrafficDrift } from "./drift.ts";
import { hasSameShares } from "./plan.ts";
import type { TrafficOutputs } from "./schema.ts";

/** The progress of a rollout, as its resource's outputs show it. */
export interface RolloutProgress {
  phase: Phase;
  table: Table | undefined;
  slot: number | undefined;
  verdict: string;
  /** Who approved it; undefined before its end, and if nothing moved. */
  approvedBy: Approval["approvedBy"] | undefined;
  /** Steps that a person promoted without a passing verdict. */
  promoted: readonly Promotion[];
}

/** The progress of a rollout that has not started. */
export const NOT_STARTED: Readonly<RolloutProgress> = {
  phase: "PREPARING",
  table: undefined,
  slot: undefined,
  verdict: "",
  approvedBy: undefined,
  promoted: [],
};

/**
 * The outputs, updated from the router: an expired lease, `fleet abort` and `fleet promote` change its table but not the state. Any other
 * table is drift and is not taken over.
 */
export function refreshedFromRouter(props: TrafficOutputs, state: TrafficState): TrafficOutputs {
  const { table, reverted } = state;
  const phase = phaseOf(state);
  if (isOver(props.phase) || !table || phase === undefined || !props.table) return props;
  const now = { ...props, table, step: table.step, active: activeOf(table), phase };
  if (isSameTable(table, props.table)) return phase === "HELD" && props.phase !== "HELD" ? now : props;
  const isBack = phase === "ROLLED_BACK" && reverted !== undefined && isSameTable(reverted, props.table);
  return isBack ? { ...now, slot: null } : props;
}

/** The differences between the router's table and the one that the last run left. */
export function tableDrift(
  { table: left, phase }: Pick<TrafficOutputs, "table" | "phase">,
  state: TrafficState | undefined,
): TrafficDrift[] {
  if (!state) return [{ code: "UNANSWERED" }];
  const { table, reverted } = state;
  if (!table) return left ? [{ code: "NO_TABLE" }] : [];
  if (!left) return [{ code: "OTHER_TABLE", is: sharesOf(table), was: null }];
  if (isSameTable(table, left) && hasSameShares(table, left.services)) return [];
  // An unfinished rollout ends by its lease or by hand. Its phase shows that, so it is not drift.
  if (phase !== "COMPLETED" && reverted && isSameTable(reverted, left)) return [];
  return [{ code: "OTHER_TABLE", is: sharesOf(table), was: sharesOf(left) }];
}

const sharesOf = ({ release, step, services }: Table): Shares => ({ release, step, services });
