import { capacityOf } from "../src/ao/network.ts";
import { amount } from "../src/core/amount.ts";
import type { Problem } from "../src/core/errors.ts";
import type { FleetDeclaration } from "./declaration.ts";

const SECONDS: Readonly<Record<string, number>> = {
  second: 1,
  minute: 60,
  hour: 3600,
  day: 86_400,
  week: 604_800,
  month: 2_629_800,
  year: 31_557_600,
  // Arweave's blocks come every two minutes.
  block: 120,
};

/** Ticks per day of a `Cron-Interval` such as `30-seconds`; undefined for a value that is not an interval. Pure. */
export function ticksADay(interval: string): number | undefined {
  const [, amount, unit = ""] = /^(\d+)-([a-z]+?)s?$/.exec(interval.trim()) ?? [];
  const seconds = SECONDS[unit];
  const every = Number(amount);
  return seconds === undefined || !(every > 0) ? undefined : 86_400 / (every * seconds);
}

/**
 * Warns how many permanent messages a member's cron causes on a network other than the embedded one. A tick itself is not a message;
 * what the process sends at a tick is, and so are the answers. Pure.
 */
export function cronFindings({ network, processes }: FleetDeclaration, names: readonly string[]): Problem[] {
  if (network.kind === "local" || !capacityOf(network).crons) return [];
  return names.flatMap((name): Problem[] => {
    const member = processes[name];
    const interval = member?.tags["Cron-Interval"];
    const ticks = interval === undefined ? undefined : ticksADay(interval);
    if (member === undefined || interval === undefined || ticks === undefined) return [];
    const peers = member.peers.length;
    const count = (value: number) => Math.round(value).toLocaleString("en");
    const toPeers =
      peers === 0
        ? ""
        : `; with a message to each of its ${amount(peers, "peer and its answer", "peers and their answers")}, ${count(ticks * peers * 2)}`;
    return [
      {
        code: "CRON_PERMANENT",
        what: `The cron of ${name} ticks ${count(ticks)} times a day, and every message that a tick sends is permanent.`,
        at: `processes.${name}.tags.Cron-Interval`,
        got: `${interval}: with one message a tick, ${count(ticks)} permanent messages a day${toPeers}`,
        expected: "a number that this stack should pay for",
        remedy: "Make the interval longer, or remove the cron from this stack.",
      },
    ];
  });
}
