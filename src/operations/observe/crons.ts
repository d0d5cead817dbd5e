import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { intervalIn } from "../../fleet/crons.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { readRelease } from "../../fleet/releases/document.ts";
import type { Clock } from "./clock.ts";

/** Milliseconds until a messenger unit is asked again. It does not say whether it drives a cron, and may have lost it. */
export const CRON_REQUEST_INTERVAL_MS = 3_600_000;

/** Seconds for one request. */
const TIMEOUT_SECONDS = 20;

/**
 * Asks the messenger unit to drive the crons of the current release's members, in the first round and then hourly: a unit that lost them
 * does not report it. The request is idempotent.
 */
export class CronWatch {
  readonly #fleet: FleetSession;
  readonly #clock: Clock;
  readonly #withCron: () => Promise<ReadonlySet<string>>;
  readonly #asked = new Map<string, number>();

  /** @param withCron names of the members that have a cron */
  constructor(
    fleet: FleetSession,
    clock: Clock,
    withCron: () => Promise<ReadonlySet<string>> = () => ofRelease(fleet),
  ) {
    this.#fleet = fleet;
    this.#clock = clock;
    this.#withCron = withCron;
  }

  /** Sends one request after the other: a unit may carry out two concurrent requests for one process twice. */
  async update(members: readonly Member[], note: (text: string) => void): Promise<void> {
    const due = members.filter(({ processId }) => this.#isDue(processId));
    if (due.length === 0) return;
    const { ao } = this.#fleet.session;
    const withCron = await this.#withCron();
    for (const { name, processId, status } of due) {
      this.#asked.set(processId, this.#clock.now());
      if (!withCron.has(name) || status === "RETIRED") continue;
      try {
        const isDriven = await ao.monitor({ processId, on: true }, budgetOf(TIMEOUT_SECONDS));
        if (!isDriven) note(`${name}: the network's messenger unit drives no crons`);
      } catch (error) {
        if (!(error instanceof FleetError)) throw error;
        // Try again in the next round.
        this.#asked.delete(processId);
        note(`${name}: its cron could not be requested again: ${error.problems[0].what} [${error.code}]`);
      }
    }
  }

  #isDue(processId: string): boolean {
    const at = this.#asked.get(processId);
    return at === undefined || this.#clock.now() - at >= CRON_REQUEST_INTERVAL_MS;
  }
}

/** Members of the current release with a cron that the network drives. */
async function ofRelease({ session }: FleetSession): Promise<ReadonlySet<string>> {
  const release = await readRelease(session.scope, "current").catch(() => undefined);
  const declared = Object.entries(release?.declaration ?? {});
  return new Set(
    declared.flatMap(([name, { tags, cronDriver }]) =>
      intervalIn(tags) === undefined || cronDriver === "monitor" ? [] : [name],
    ),
  );
}
