/** Where a rollout is that a run left before its end. Pure. */
import { activeOf, isSame, phaseOf } from "../../src/delivery/index.ts";
import { isOver } from "../../src/delivery/phase.ts";
import type { TrafficState } from "../../src/delivery/wire.ts";
import type { TrafficOutputs } from "./schema.ts";

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
