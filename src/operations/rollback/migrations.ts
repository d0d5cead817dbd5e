/** A migration between two state shapes, as the process reports it. */
interface Step {
  readonly from: string;
  readonly to: string;
  /** Whether it can be undone. */
  readonly down: boolean;
}

/** Whether the migrations lead from one shape to the other. Pure. */
export function isReachable(steps: readonly Step[], from: string, to: string): boolean {
  const seen = new Set([from]);
  const queue = [from];
  for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
    if (at === to) return true;
    for (const step of steps) {
      const next = step.from === at ? step.to : step.to === at && step.down ? step.from : undefined;
      if (next === undefined || seen.has(next)) continue;
      seen.add(next);
      queue.push(next);
    }
  }
  return false;
}
