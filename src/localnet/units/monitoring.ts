import { nextDue } from "../../core/cron.ts";
import { timerDelay } from "../../core/timers.ts";
import { parseCrons } from "../scheduler/cron.ts";
import type { UnitContext } from "./context.ts";
import type { Evaluating } from "./evaluating.ts";
import { UnitError } from "./http.ts";

export interface Monitoring {
  start(process: string): void;
  stop(process: string): void;
  close(): void;
}

/** Milliseconds between two checks of a cron whose interval no timer can wait for: one by blocks, and one of weeks. */
const BLOCK_CHECK = 500;
const LONG_CHECK = 60_000;

/**
 * Creates the cron messages of monitored processes by the clock. A tick that is due while the units are not running is
 * skipped; real units catch up.
 */
export function monitoring(context: UnitContext, evaluating: Evaluating): Monitoring {
  const timers = new Map<string, NodeJS.Timeout[]>();

  function begin(process: string): void {
    const tags = context.store.process(process)?.tags ?? [];
    const ticks = parseCrons(tags).map((cron, index) => {
      const name = `${index}-${cron.interval}`;
      const began = context.now();
      let last = context.chain.heightAt(began);
      const isLong = cron.unit === "milliseconds" && timerDelay(cron.every) < cron.every;
      let due = began + cron.every;
      const tick = () => {
        const timestamp = context.now();
        const height = context.chain.heightAt(timestamp);
        if (cron.unit === "blocks" && height < last + cron.every) return;
        if (isLong && timestamp < due) return;
        last = height;
        due = nextDue(cron.every, began, timestamp);
        evaluating.tick(process, { cron: name, tags: cron.tags, timestamp, height });
      };
      return setInterval(tick, cron.unit === "blocks" ? BLOCK_CHECK : isLong ? LONG_CHECK : cron.every);
    });
    timers.set(process, ticks);
  }

  function end(process: string): boolean {
    for (const timer of timers.get(process) ?? []) clearInterval(timer);
    return timers.delete(process);
  }

  for (const process of context.store.monitored()) begin(process);

  return {
    start(process) {
      if (context.store.process(process) === undefined)
        throw new UnitError(500, "Cannot read properties of undefined (reading 'owner')");
      if (timers.has(process)) throw new UnitError(500, "Process already being monitored");
      try {
        begin(process);
      } catch (error) {
        throw new UnitError(500, error instanceof Error ? error.message : String(error));
      }
      context.store.setMonitored(process, true);
    },
    stop(process) {
      if (!end(process)) throw new UnitError(500, "Process monitor not found");
      context.store.setMonitored(process, false);
    },
    close() {
      for (const process of [...timers.keys()]) end(process);
    },
  };
}
