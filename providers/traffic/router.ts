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
import { AskedSchema } from "./schema.ts";

/** What a rollout asks of a router. */
export interface Router {
  look(): Promise<TrafficState>;
  /** Replaces the table, or renews its lease. */
  set(message: SetTraffic): Promise<z.infer<typeof SetSchema>>;
  /** Has processes asked for their health by the router itself: process id → code. */
  prove(release: string, targets: Readonly<Record<string, string>>): Promise<void>;
}

/** The router in a member's process, asked and told by signed messages. */
export function routerOf(session: Session, target: Target, budget: () => Budget): Router {
  const control = async () => ({ ...target, epoch: await session.deployment.epoch() });
  return {
    look: () => traffic(session, target, budget()),
    async set(message) {
      const request = { ...(await control()), action: "SET_TRAFFIC", data: message };
      return ask(session, request, TrafficSetSchema, budget());
    },
    async prove(release, targets) {
      const request = { ...(await control()), action: "PROVE_TARGETS", data: { release, targets } };
      await ask(session, request, AskedSchema, budget());
    },
  };
}
