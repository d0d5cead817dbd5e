import type { z } from "zod";
import type { Budget } from "../../src/core/budget.ts";
import {
  type TrafficSetSchema as SetSchema,
  type SetTraffic,
  TrafficSetSchema,
  type TrafficState,
} from "../../src/delivery/wire.ts";
import type { Target } from "../../src/fleet/members/target.ts";
import { ask } from "../../src/fleet/protocol/ask.ts";
import { traffic } from "../../src/fleet/protocol/traffic.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { ProveTargetsReplySchema } from "./schema.ts";

/** The operations that a rollout needs from the router. */
export interface Router {
  /** Reads the table, its proofs and its figures. */
  read(): Promise<TrafficState>;
  /** Replaces the table, or renews its lease. */
  set(message: SetTraffic): Promise<z.infer<typeof SetSchema>>;
  /** Has the router ask processes for their health: process id → code hash. */
  prove(release: string, targets: Readonly<Record<string, string>>): Promise<void>;
}

/** The router in a member's process, called by signed messages. */
export function routerOf(session: Session, target: Target, budget: () => Budget): Router {
  const control = async () => ({ ...target, epoch: await session.deployment.epoch() });
  return {
    read: () => traffic(session, target, budget()),
    async set(message) {
      const request = { ...(await control()), action: "SET_TRAFFIC", data: message };
      return ask(session, request, TrafficSetSchema, budget());
    },
    async prove(release, targets) {
      const request = { ...(await control()), action: "PROVE_TARGETS", data: { release, targets } };
      await ask(session, request, ProveTargetsReplySchema, budget());
    },
  };
}
