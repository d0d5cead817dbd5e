import { z } from "zod";
import { LEVELS, TYPE_NAMES } from "../types.ts";

const time = z.iso.datetime();

/** The body that is sent to a receiver of kind `webhook`; published as `docs/reference/monitoring/webhook.schema.json`. */
export const WebhookSchema = z
  .object({
    version: z.literal(1).describe("Incremented when a field changes its meaning or is removed"),
    project: z.string(),
    stack: z.string(),
    network: z.string(),
    title: z.string().describe("One line for people"),
    status: z.enum(["firing", "resolved"]).describe("resolved if all changes are"),
    changes: z
      .array(
        z.object({
          kind: z.enum(["raised", "escalated", "resolved"]),
          alertId: z.string(),
          type: z.enum(TYPE_NAMES),
          source: z.string().describe("A process, a deployment, or fleet"),
          message: z.string(),
          level: z.enum(LEVELS),
          state: z.enum(["OPEN", "ACKNOWLEDGED", "RESOLVED"]),
          count: z.number().int().describe("Number of rounds in which it held"),
          raisedAt: time,
          lastAt: time,
          escalatedAt: time,
          notifiedAt: time.optional(),
          acknowledgedAt: time.optional(),
          acknowledgedBy: z.string().optional(),
          resolvedAt: time.optional(),
          resolvedBy: z.string().optional(),
        }),
      )
      .min(1),
  })
  .meta({ title: "ao-fleet webhook" });
