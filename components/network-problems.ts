import { tagProblems } from "../src/ao/connect.ts";
import { capacityOf } from "../src/ao/network.ts";
import type { Problem } from "../src/core/errors.ts";
import type { FleetDeclaration } from "./declaration.ts";

/** What the declared network cannot do for its members: crons that nobody would drive, and tags that it cannot carry. Pure. */
export function networkProblems(
  { network, processes }: FleetDeclaration,
  names: readonly string[],
): Problem[] {
  return names.flatMap((name) => {
    const tags = processes[name]?.tags ?? {};
    return [
      ...cronProblems(name, tags["Cron-Interval"], capacityOf(network).crons),
      ...tagProblems(network, tags, `processes.${name}.tags`),
    ];
  });
}

function cronProblems(name: string, interval: string | undefined, areDriven: boolean): Problem[] {
  if (interval === undefined || areDriven) return [];
  return [
    {
      code: "CRON_NOT_DRIVEN",
      what: `The cron of ${name} would never tick: a HyperBEAM node drives no crons.`,
      at: `processes.${name}.tags.Cron-Interval`,
      got: interval,
      expected: "no Cron-Interval on this network",
      remedy:
        "Remove the tag in this stack (for healthCron: pulumi config set healthCronSeconds 0). fleet monitor checks the fleet from outside.",
    },
  ];
}
