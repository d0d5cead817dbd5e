import { drivesCrons } from "../../ao/network.ts";
import { budgetOf } from "../../core/budget.ts";
import { FleetError, type Problem, throwAll } from "../../core/errors.ts";
import { intervalIn } from "../../fleet/crons.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import { knownFleet } from "../../fleet/members/known-fleet.ts";
import { readManifest } from "../../fleet/members/manifest.ts";
import type { KnownFleet, Member } from "../../fleet/members/member.ts";
import { monitoredCrons } from "../../fleet/members/monitored-crons.ts";
import { type ReleaseDocument, readRelease, releasePath } from "../../fleet/releases/document.ts";
import type { Ticked } from "./ticker.ts";

/** Seconds for reading the spawn of one process. */
const SPAWN_SECONDS = 30;

/**
 * The processes whose crons the monitor drives: those that serve the members of the last run. Its files are read each time, since a
 * deployment may have changed them. The router's table, which changes without them, is that of the monitor's latest round.
 */
export class TickedProcesses {
  readonly #fleet: FleetSession;
  #serving: readonly Member[] | undefined;
  /** Process of the last run → the process that serves its member. */
  #served: ReadonlyMap<string, Member> = new Map();

  /** @param fleet as it was opened, with the processes that serve */
  constructor(fleet: FleetSession) {
    this.#fleet = fleet;
    this.follow(fleet);
  }

  /** Follows the router's table. One that could not be read says nothing: what it said before stays. */
  follow({ members, router, routed }: KnownFleet): void {
    if (router === undefined || routed !== undefined) this.#serving = members;
  }

  async now(): Promise<Ticked[]> {
    const { scope } = this.#fleet.session;
    const crons = await monitoredCrons(scope);
    if (crons.size === 0) return [];
    const { members } = await knownFleet(scope, async () => this.#fleet);
    this.#compare(members);
    return members.flatMap((member) => {
      const { name, generation, processId, status } = this.#served.get(member.processId) ?? member;
      const cron = crons.get(name);
      return cron === undefined || status === "RETIRED" ? [] : [{ name, generation, processId, cron }];
    });
  }

  /** Takes over the processes that serve. They hold for the processes of this run: the table has not seen those of a later one. */
  #compare(deployed: readonly Member[]): void {
    if (this.#serving === undefined) return;
    const serving = new Map(this.#serving.map((member) => [member.name, member]));
    this.#served = new Map(
      deployed.flatMap(({ name, processId }): [string, Member][] => {
        const member = serving.get(name);
        return member === undefined ? [] : [[processId, member]];
      }),
    );
    this.#serving = undefined;
  }
}

/**
 * Checks that a monitor may send ticks: the network does not send them as well, and the processes accept them.
 *
 * @throws FleetError CRON_DRIVEN_TWICE for every cron that the network drives; TICK_NO_RELEASE if this machine does not know the crons;
 * TICK_NOT_OWNER if the fleet belongs to another wallet
 */
export async function assertTickable(fleet: FleetSession): Promise<void> {
  const { scope, ao, network } = fleet.session;
  const release = await readRelease(scope, "current").catch(() => undefined);
  if (release === undefined && fleet.members.length > 0) throw releaseMissing(releasePath(scope, "current"));
  if (drivesCrons(network)) throwAll(await drivenByNetwork(fleet, release));
  const owner = (await readManifest(scope))?.owner;
  if (owner === undefined || owner === ao.address) return;
  throw new FleetError({
    code: "TICK_NOT_OWNER",
    what: "A process takes ticks from its owner only, and this wallet did not deploy the fleet.",
    got: ao.address,
    expected: owner,
    remedy: "Run the monitor with the wallet of the stack that deployed the fleet.",
  });
}

const releaseMissing = (path: string): FleetError =>
  new FleetError({
    code: "TICK_NO_RELEASE",
    what: "This machine does not have the current release, which declares the crons.",
    expected: path,
    remedy: "Run the monitor in the folder from which the stack was deployed last, or run pulumi up here.",
  });

/** The crons that a network with messenger units sends, or would send if anyone asked it to: those among the tags of a spawn. */
async function drivenByNetwork(
  { session: { ao }, members }: FleetSession,
  release: ReleaseDocument | undefined,
): Promise<Problem[]> {
  const withCron = Object.entries({ ...release?.warm, ...release?.declaration }).filter(
    ([, { tags }]) => intervalIn(tags) !== undefined,
  );
  const found = await Promise.all(
    withCron.map(async ([name, { cronDriver, tags }]): Promise<Problem[]> => {
      const interval = intervalIn(tags) ?? "";
      if (cronDriver !== "monitor") return [drivenTwice(name, interval, SET_DRIVER)];
      const processId = members.find((member) => member.name === name)?.processId;
      if (processId === undefined) return [];
      const [spawn] = await ao.range({ processId, from: 0, to: 0 }, budgetOf(SPAWN_SECONDS));
      const spawned = intervalIn(spawn?.tags);
      return spawned === undefined ? [] : [drivenTwice(name, spawned, SPAWN_AGAIN)];
    }),
  );
  return found.flat();
}

const SET_DRIVER =
  "Run npx fleet monitor without --tick. Or let the monitor alone send them: pulumi config set cronDriver monitor, with processes that are spawned after that.";
const SPAWN_AGAIN =
  "It was spawned with its cron, and tags are fixed at the spawn: pulumi config set cronDriver network, and run npx fleet monitor without --tick.";

const drivenTwice = (name: string, interval: string, remedy: string): Problem => ({
  code: "CRON_DRIVEN_TWICE",
  what: `The cron of ${name} would tick twice: the network's units send its ticks too.`,
  got: `Cron-Interval: ${interval}, on a network with a messenger unit`,
  expected: "crons that the network does not drive, as on a HyperBEAM node",
  remedy,
});
