/** The router's figures as a verdict counts them. Pure. */

import type { CallerMetrics } from "../../src/delivery/caller-figures.ts";
import {
  completedRequests,
  NO_REQUESTS,
  type ServiceMeasured,
  sumOfSenders,
} from "../../src/delivery/index.ts";
import type { RevisionMetrics, SenderMetrics, TrafficState } from "../../src/delivery/wire.ts";
import type { Wanted } from "./plan.ts";

/** The router's figures of green, and of blue in the same step; of the step before if blue gets no requests in this one. Pure. */
export function figuresOf(
  wanted: Pick<Wanted, "services">,
  name: string,
  { metrics, before }: Pick<TrafficState, "metrics" | "before">,
): Pick<ServiceMeasured, "green" | "blue" | "served" | "wasServed"> & { isBlueCurrent: boolean } {
  const service = wanted.services[name];
  const of = (from: TrafficState["metrics"], id: string | undefined) =>
    id === undefined ? undefined : from?.services[name]?.[id];
  const now = of(metrics, service?.blue?.processId);
  const isBlueCurrent = now !== undefined && completedRequests(now) > 0;
  const blue = isBlueCurrent ? now : of(before, service?.blue?.processId);
  const own = of(metrics, service?.green.processId) ?? NO_REQUESTS;
  // The rollout itself drains blue, but never green while it is judged: for green, refusals by draining are errors.
  // Results of an earlier step's requests count in the step in which they become known.
  const green = { ...own, ...asJudged(own) };
  if (own.senders)
    green.senders = Object.fromEntries(
      Object.entries(own.senders).map(([sender, each]) => [sender, { ...each, ...asJudged(each) }]),
    );
  // Blue cannot show whether it would have told the caller to ask again.
  if (own.callers)
    green.callers = own.callers.map((each) => ({
      ...each,
      ...asJudged(each),
      busy: each.busy + each.draining,
      earlier: 0,
    }));
  const served = sumOfSenders([
    ...Object.values(before?.services[name] ?? {}),
    isBlueCurrent ? now : undefined,
  ]);
  const wasServed = metrics?.servedBefore?.includes(name);
  return { green, blue, isBlueCurrent, served, wasServed };
}

type Judged = Pick<
  RevisionMetrics | SenderMetrics | CallerMetrics,
  "requests" | "errors" | "draining" | "earlier"
>;
const asJudged = ({ requests, errors, draining = 0, earlier = 0 }: Judged) => ({
  requests: requests + earlier,
  errors: errors + draining + earlier,
  draining: 0,
});
