import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";
import { z } from "zod";

const config = new pulumi.Config();
const fleet = await Fleet.create("configured", {
  ...settings(config), // the stack's own: overrides, secrets, sealTo
  ledger: "deployment-coordinator",
  allowed: ["deployment-coordinator"], // may change settings, in addition to the owner
  // A custom type. The processes check it by the same rules.
  configTypes: {
    MATCHMAKING: z.strictObject({ rounds: z.int().min(1).max(9), mode: z.enum(["fast", "slow"]).optional() }),
  },
  // For every member.
  config: { LOGGING_CONFIG: { logLevel: "WARN" } },
  processes: {
    "deployment-coordinator": {},
    shop: { dependsOn: ["deployment-coordinator"] },
    hall: {
      dependsOn: ["deployment-coordinator"],
      config: {
        PROCESS_CONFIG: { maxConcurrentRequests: 100, requestTimeout: 10_000 },
        RATE_LIMITS: { JOIN: { capacity: 5, perSecond: 0.5 }, "*": { capacity: 50, perSecond: 10 } },
        FEATURE_FLAGS: { ranked: true },
        // A misspelt member does not compile; it need not be listed in `peers` as well.
        SERVICES: { till: { member: "shop" }, prices: { url: "https://example.org/prices" } },
        MATCHMAKING: { rounds: 3, mode: "fast" },
      },
      // pulumi config set --secret webhookToken …
      secrets: { ENVIRONMENT_VARS: { WEBHOOK_TOKEN: config.requireSecret("webhookToken") } },
    },
  },
});
export const processes = fleet.processes;
