/** How far a rollout is. Pure. */
import {
  type Approval,
  activeOf,
  isSame,
  type Phase,
  type Promotion,
  phaseOf,
} from "../../src/delivery/index.ts";
import { isOver } from "../../src/delivery/phase.ts";
import type { Table, TrafficState } from "../../src/delivery/wire.ts";
import type { TrafficOutputs } from "./schema.ts";

/** How far a rollout is; what its resource's outputs say. */
export interface Standing {
  phase: Phase;
  table: Table | undefined;
  slot: number | undefined;
  verdict: string;
  /** Who let it through; undefined before its end, and where nothing moved. */
  letThrough: Approval["letThrough"] | undefined;
  /** Steps that a person promoted without a good verdict. */
  promoted: readonly Promotion[];
}

/** Of a rollout that has not begun. */
export const NOT_BEGUN: Readonly<Standing> = {
  phase: "PREPARING",
  table: undefined,
  slot: undefined,
  verdict: "",
  letThrough: undefined,
  promoted: [],
};

/**
 * The outputs as the router has it by now: a lease that ended, `fleet abort` and `fleet promote` change its table, and no state. What
 * anybody else put there is drift, and stays out of it.
 */
export function standingNow(props: TrafficOutputs, state: TrafficState): TrafficOutputs {
  const { table, reverted } = state;
  const phase = phaseOf(state);
  if (isOver(props.phase) || !table || phase === undefined || !props.table) return props;
  const now = { ...props, table, step: table.step, active: activeOf(table), phase };
  if (isSame(table, props.table)) return phase === "HELD" && props.phase !== "HELD" ? now : props;
  const isBack = phase === "ROLLED_BACK" && reverted !== undefined && isSame(reverted, props.table);
  return isBack ? { ...now, slot: null } : props;
}
