import { tagProblems } from "../src/ao/connect.ts";
import { capacityOf } from "../src/ao/network.ts";
import type { Problem } from "../src/core/errors.ts";
import { clockInterval, intervalIn, tagsOfCron, tickTags } from "../src/fleet/crons.ts";
import type { FleetDeclaration } from "./declaration.ts";

/**
 * What the declared network cannot do for its members: crons that nobody would drive, or not at that interval, and tags that it cannot
 * carry. Pure.
 */
export function networkProblems(
  { network, processes, cronDriver }: FleetDeclaration,
  names: readonly string[],
): Problem[] {
  return names.flatMap((name) => {
    const tags = processes[name]?.tags ?? {};
    const at = `processes.${name}.tags`;
    const interval = intervalIn(tags);
    const own = tagProblems(network, tags, at);
    if (interval === undefined) return own;
    if (cronDriver === "network")
      return capacityOf(network).crons ? own : [...own, notDriven(name, interval, at)];
    const ofTicks = tagProblems(network, tickTags({ tags: tagsOfCron(tags) }, Date.UTC(2000)), at);
    return [...intervalProblems(name, interval, at), ...own, ...ofTicks];
  });
}

function notDriven(name: string, interval: string, at: string): Problem {
  return {
    code: "CRON_NOT_DRIVEN",
    what: `The cron of ${name} would never tick: a HyperBEAM node drives no crons.`,
    at: `${at}.Cron-Interval`,
    got: interval,
    expected: "a cron that the fleet's monitor drives, or no Cron-Interval on this network",
    remedy:
      "pulumi config set cronDriver monitor, and let npx fleet monitor --tick run. Or remove the tag in this stack (for healthCron: pulumi config set healthCronSeconds 0).",
  };
}

function intervalProblems(name: string, interval: string, at: string): Problem[] {
  if (clockInterval(interval) !== undefined) return [];
  return [
    {
      code: "CRON_INTERVAL_INVALID",
      what: `The fleet's monitor cannot keep the interval of the cron of ${name}.`,
      at: `${at}.Cron-Interval`,
      got: interval,
      expected: 'at least one second, such as "30-seconds" or "1-hour"; the monitor does not count blocks',
      remedy: "Declare an interval by time.",
    },
  ];
}
