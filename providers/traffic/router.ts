import type { Budget } from "../../src/core/budget.ts";
import type { SetTraffic, TrafficState } from "../../src/delivery/wire.ts";
import type { Target } from "../../src/fleet/members/target.ts";
import { markUnsent } from "../../src/fleet/protocol/ask.ts";
import { proveTargets, setTraffic, traffic } from "../../src/fleet/protocol/traffic.ts";
import type { Session } from "../../src/fleet/session/session.ts";

/** The operations that a rollout needs from the router. */
export interface Router {
  /** Reads the table, its proofs and its figures. */
  read(): Promise<TrafficState>;
  /** The same with the figures of some services' single callers. Routers of earlier versions have none. */
  readCallers(services: readonly string[]): Promise<TrafficState>;
  /** Replaces the table, or renews its lease. An error about a message that never has an effect is marked (`isUnsent`). */
  set(message: SetTraffic): ReturnType<typeof setTraffic>;
  /** Has the router ask processes for their health: process id → code hash. */
  prove(release: string, targets: Readonly<Record<string, string>>): Promise<void>;
}

/** The router in a member's process, called by signed messages. */
export function routerOf(session: Session, target: Target, budget: () => Budget): Router {
  const controlled = async () => ({ ...target, epoch: await session.deployment.epoch() });
  const unsent = (error: unknown): never => {
    throw markUnsent(error);
  };
  return {
    read: () => traffic(session, target, budget()),
    readCallers: (services) => traffic(session, target, budget(), services),
    set: async (message) => setTraffic(session, await controlled().catch(unsent), message, budget()),
    prove: async (release, targets) =>
      proveTargets(session, await controlled(), { release, targets }, budget()),
  };
}
