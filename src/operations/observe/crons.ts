import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { readRelease } from "../../fleet/releases/document.ts";
import type { Clock } from "./clock.ts";

/** Milliseconds after which a messenger unit is asked again. It keeps to itself whether it drives a cron, and may have forgotten. */
export const AGAIN_MS = 3_600_000;

/** Seconds that it may take. */
const PATIENCE = 20;

/**
 * Has the crons of the current release's members driven, at the first round and then hourly: a messenger unit that lost its memory tells
 * nobody. Asked twice it is done once.
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

  /** One after another: two calls at once for one process may be done twice by a unit. */
  async update(members: readonly Member[], note: (text: string) => void): Promise<void> {
    const due = members.filter(({ processId }) => this.#isDue(processId));
    if (due.length === 0) return;
    const { ao } = this.#fleet.session;
    const withCron = await this.#withCron();
    for (const { name, processId, status } of due) {
      this.#asked.set(processId, this.#clock.now());
      if (!withCron.has(name) || status === "RETIRED") continue;
      try {
        const isDriven = await ao.monitor({ processId, on: true }, budgetOf(PATIENCE));
        if (!isDriven) note(`${name}: the network's messenger unit drives no crons`);
      } catch (error) {
        if (!(error instanceof FleetError)) throw error;
        // Next round again.
        this.#asked.delete(processId);
        note(`${name}: its cron could not be asked for again: ${error.problems[0].what} [${error.code}]`);
      }
    }
  }

  #isDue(processId: string): boolean {
    const at = this.#asked.get(processId);
    return at === undefined || this.#clock.now() - at >= AGAIN_MS;
  }
}

/** Members whose processes the current release spawned with a cron. */
async function ofRelease({ session }: FleetSession): Promise<ReadonlySet<string>> {
  const release = await readRelease(session.scope, "current").catch(() => undefined);
  const declared = Object.entries(release?.declaration ?? {});
  return new Set(
    declared.flatMap(([name, { tags }]) => (tags?.["Cron-Interval"] === undefined ? [] : [name])),
  );
}
