import type { Budget } from "../../core/budget.ts";
import { unitRefused } from "../errors.ts";
import type { Unit } from "../shared/http.ts";
import type { Wallet } from "../wallet.ts";

/** Answers of a messenger unit that already drives the crons, or drives none. */
const ALREADY = { on: /already being monitored/i, off: /monitor not found|reading 'stop'/i } as const;

/**
 * Asks the messenger unit once to start or stop driving a process' crons, as aoconnect's `monitor` and `unmonitor` do.
 *
 * @returns false if the unit has no such route
 * @throws UnitError if the unit did not do it
 */
export async function postMonitor(
  mu: Unit,
  wallet: Wallet,
  { processId, on }: { readonly processId: string; readonly on: boolean },
  budget: Budget,
): Promise<boolean> {
  const { raw } = await wallet.sign({ data: "monitor", tags: [], target: processId });
  const answer = await mu.ask(
    {
      method: on ? "POST" : "DELETE",
      url: `${mu.url}/monitor/${processId}`,
      headers: { "content-type": "application/octet-stream" },
      body: raw,
    },
    budget,
  );
  if (answer.ok || ALREADY[on ? "on" : "off"].test(answer.excerpt)) return true;
  if ([404, 405, 501].includes(answer.status)) return false;
  throw unitRefused(mu.name, mu.url, answer.status, answer.excerpt);
}
