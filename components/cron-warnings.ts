import { capacityOf } from "../src/ao/network.ts";
import { amount } from "../src/core/amount.ts";
import { parseCronInterval } from "../src/core/cron.ts";
import type { Problem } from "../src/core/errors.ts";
import { intervalIn } from "../src/fleet/crons.ts";
import type { FleetDeclaration } from "./declaration.ts";

const DAY = 86_400_000;
/** Arweave's blocks come every two minutes. */
const BLOCK = 120_000;

/** Ticks per day of a `Cron-Interval` such as `30-seconds`; undefined for a value that is not an interval. Pure. */
export function ticksADay(interval: string): number | undefined {
  const parsed = parseCronInterval(interval);
  return parsed && DAY / (parsed.every * (parsed.unit === "blocks" ? BLOCK : 1));
}

/**
 * Warns what the crons of members mean: how many permanent messages they cause on a network other than the embedded one and, if the fleet's
 * monitor drives them, that they tick only while it runs. A messenger unit's tick is not a message; what the process sends at a tick is,
 * and so are the answers. A monitor's tick is a message too. Pure.
 */
export function cronFindings(
  { network, processes, cronDriver }: FleetDeclaration,
  names: readonly string[],
): Problem[] {
  const { permanent, crons } = capacityOf(network);
  if (cronDriver === "network" && !(permanent && crons)) return [];
  return names.flatMap((name): Problem[] => {
    const member = processes[name];
    const interval = intervalIn(member?.tags);
    const ticks = interval === undefined ? undefined : ticksADay(interval);
    if (member === undefined || interval === undefined || ticks === undefined) return [];
    const cron = { name, interval, ticks, peers: member.peers.length };
    return [cronDriver === "monitor" ? byMonitor(cron, permanent) : byNetwork(cron)];
  });
}

interface Cron {
  readonly name: string;
  readonly interval: string;
  /** Ticks a day. */
  readonly ticks: number;
  /** Number of the member's peers. */
  readonly peers: number;
}

const count = (value: number) => Math.round(value).toLocaleString("en");

/** @param own messages of one tick in addition to those to and from peers */
const withPeers = ({ ticks, peers }: Cron, own: number): string =>
  peers === 0
    ? ""
    : `; with a message to each of its ${amount(peers, "peer and its answer", "peers and their answers")}, ${count(ticks * (own + peers * 2))}`;

function byNetwork(cron: Cron): Problem {
  const { name, interval, ticks } = cron;
  return {
    code: "CRON_PERMANENT",
    what: `The cron of ${name} ticks ${count(ticks)} times a day, and every message that a tick sends is permanent.`,
    at: `processes.${name}.tags.Cron-Interval`,
    got: `${interval}: with one message a tick, ${count(ticks)} permanent messages a day${withPeers(cron, 0)}`,
    expected: "a number that this stack should pay for",
    remedy: "Make the interval longer, or remove the cron from this stack.",
  };
}

function byMonitor(cron: Cron, isPermanent: boolean): Problem {
  const { name, interval, ticks } = cron;
  const each = isPermanent ? "permanent messages" : "messages";
  return {
    code: "CRON_BY_MONITOR",
    what: `The cron of ${name} ticks only while npx fleet monitor --tick runs. Each tick is a ${isPermanent ? "permanent " : ""}message that it signs.`,
    at: `processes.${name}.tags.Cron-Interval`,
    got: `${interval}: ${count(ticks)} ${each} a day for the ticks alone${withPeers(cron, 1)}`,
    expected: "a monitor that always runs, and a number that this stack should pay for",
    remedy: "Start it: npx fleet monitor --tick. It reports ticks that are missing (CRON_MISSED).",
  };
}
