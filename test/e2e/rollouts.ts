import { randomUUID } from "node:crypto";
import type { Player } from "./player.ts";
import { processFiles } from "./project.ts";

/** The guide's own coordinator in front of two small services: one keeps nothing between messages, the other a sum. */
export function rollingFleet(): Record<string, string> {
  return {
    ...processFiles("coordinator"),
    "index.ts": `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";
const config = new pulumi.Config();
const splits = /GRADUAL|CANARY|A_B_TEST/.test(config.get("strategy") ?? "");
const fleet = await Fleet.create("rolling", {
  ...settings(config),
  // A second stack of the project has its own fleet.
  processes: pulumi.getStack() === "two" ? { coordinator: {} } : {
    coordinator: { peers: ["battle", "shop"] },
    battle: { dependsOn: ["coordinator"], peers: ["coordinator"], state: "none", trafficKey: "data:player",
      probes: [{ action: "HIT", data: { player: "probe" }, expect: { success: true } }] },
    shop: { dependsOn: ["coordinator"], peers: ["coordinator"], ...(splits ? { strategy: { kind: "sequential" } } : {}) },
  },
});
export const processes = fleet.processes;
`,
    "processes/battle/process.lua": `local fleet = require("fleet")
fleet.process{ name = "battle", processType = "BATTLE", version = "1.0.0", capabilities = {} }
local faulty = false
fleet.on("HIT", { who = "anyone" }, function(data)
  if faulty and data.player ~= "probe" then error("a fault") end
  return { edition = "first" }
end)
`,
    "processes/shop/process.lua": `local fleet = require("fleet")
fleet.process{ name = "shop", processType = "SHOP", version = "1.0.0", capabilities = {} }
local S = fleet.state("shop", { sum = 0 })
fleet.on("BUY", { who = "anyone" }, function(data)
  S.sum = S.sum + 1
  return { sum = S.sum, edition = "first" }
end)
fleet.on("SUM", { who = "anyone", readonly = true }, function() return { sum = S.sum } end)
`,
  };
}

/** A client's answer for one wish, after as many attempts as it was told to make. */
export interface Seen {
  readonly service: "battle" | "shop";
  readonly edition: string;
  readonly sum?: number;
  readonly error?: string;
  readonly tries: number;
}

/** Clients that send without a pause through the coordinator until they are stopped; they retry when a service drains. */
export class Crowd {
  readonly seen: Seen[] = [];
  #stopped = false;
  readonly #running: Promise<unknown>;

  constructor(players: readonly Player[], coordinator: string) {
    const one = async (player: Player, index: number) => {
      while (!this.#stopped)
        this.seen.push(await wish(player, coordinator, index % 2 === 0 ? "battle" : "shop"));
    };
    this.#running = Promise.all(players.map(one));
  }

  /** Ends when every request is answered. */
  async stop(): Promise<readonly Seen[]> {
    this.#stopped = true;
    await this.#running;
    return this.seen;
  }

  of(service: Seen["service"]): Seen[] {
    return this.seen.filter((one) => one.service === service);
  }
}

async function wish(player: Player, coordinator: string, service: Seen["service"]): Promise<Seen> {
  const action = service === "battle" ? "HIT" : "BUY";
  for (let tries = 1; ; tries += 1) {
    const answer = await player.route(coordinator, service, action, { player: randomUUID() });
    if (answer.error?.code === "DRAINING" && tries < 100) continue;
    return {
      service,
      edition: String(answer.edition ?? ""),
      tries,
      ...(typeof answer.sum === "number" ? { sum: answer.sum } : {}),
      ...(answer.error ? { error: answer.error.code } : {}),
    };
  }
}

/** `pulumi up` of that fleet with a strategy: a kind, or a complete one. */
export const upWith = (strategy: unknown): string[] => [
  "up",
  "--yes",
  "--skip-preview",
  "--config",
  `rolling:strategy=${typeof strategy === "string" ? strategy : JSON.stringify(strategy)}`,
];
