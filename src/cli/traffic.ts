import { drainingText, percent } from "../delivery/index.ts";
import type { ShownTraffic } from "../operations/observe/traffic.ts";
import { table } from "./table.ts";

/** Before the reason why there are no such lines. */
export const ROLLOUT_UNREAD = "The rollout could not be read: ";

/** Traffic as lines of text, for `fleet status` and the rollout commands. */
export function trafficLines({ headline: head, revisions }: ShownTraffic): string[] {
  const rows = revisions.map(
    ({ service, processId, weightBp, sourceHash, requests, errors, refused, draining, open }) => [
      service,
      percent(weightBp),
      processId,
      sourceHash.slice(0, 8),
      String(requests),
      String(errors),
      `${refused}${drainingText({ refused, draining })}`,
      String(open),
    ],
  );
  return [
    "",
    `traffic: ${head}`,
    ...table(["service", "share", "id", "code", "requests", "faults", "refused", "open"], rows),
  ];
}
