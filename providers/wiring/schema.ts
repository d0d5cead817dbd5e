import { z } from "zod";
import { ProbeSchema } from "../../src/fleet/health/probe-message.ts";
import { HealthPolicySchema } from "../../src/fleet/health/schema.ts";
import { TargetSchema } from "../../src/fleet/members/target.ts";
import { CommonInputs } from "../../src/fleet/session/scope.ts";
import { CodeSchema } from "../run/code-changes.ts";
import type { WiringDrift } from "./drift.ts";

export const WiringInputsSchema = z.strictObject({
  ...CommonInputs,
  /** The member that receives the ids. */
  target: TargetSchema,
  /** Peer's name → AO process id. Replaces the whole table. */
  peers: z.record(z.string(), z.string()),
  /**
   * Names among `peers` that run without the fleet's library (`lib: false`). The target sends them no requests that only the library
   * answers, and does not judge their health. A target with an older library ignores this. @default none
   */
  withoutLibrary: z.array(z.string()).optional(),
  /**
   * Member that carries the fleet's router. If it is a peer, the target trusts its tag `On-Behalf-Of` to name the caller.
   * @default the peer "coordinator"
   */
  router: z.string().optional(),
  /**
   * Who may change the target, in addition to its owner: name → address of a wallet or id of a process. Replaces the whole list. If it is
   * left out, the target's list stays as it is. @default none
   */
  deployers: z.record(z.string(), z.string()).optional(),
  /** Messages that are sent to the target once it knows its peers. Each must be answered as expected. @default none */
  probes: z.array(ProbeSchema).optional(),
  /** Other members that the target calls as peers. Each is told to accept the target's messages as those of a peer. @default none */
  admit: z.array(TargetSchema).optional(),
  /**
   * Whether only a new process is wired. A process that stays keeps its peers and is rewired after traffic has moved.
   * @default false
   */
  newOnly: z.boolean().optional(),
  /**
   * sha256 of the code of the target and of its peers, by name, for members whose new code gets its own process. A preview uses it to
   * announce that a process id will change, before the new id is known. @default none
   */
  code: CodeSchema.optional(),
  /** Name of the resource, if a target has several wirings. @default "<target>-wiring" */
  name: z.string().optional(),
  /** When the target counts as ready with its peers. */
  healthCheck: HealthPolicySchema.prefault({}),
  /** Seconds that a create or update may take. @default 120 */
  timeoutSeconds: z.number().positive().default(120),
});

export type WiringInputs = z.infer<typeof WiringInputsSchema>;

/** Outputs of a Wiring. */
export interface WiringOutputs extends WiringInputs {
  /** Version of the outputs' shape. Later code reads every earlier version. */
  readonly schemaVersion: 1;
  /** Content hash of the table: of `peers`, and of `withoutLibrary` and the router's id if they are sent. */
  readonly hash: string;
  /** Manual changes that a refresh found, as sentences. */
  readonly drift: string[];
  /**
   * The entries of `drift` as data, in the same order: `PEER_ADDED`, `PEER_REMOVED`, `PEER_REPLACED`, `PEER_LIBRARY`, `ROUTER`, `ALLOWED`,
   * `NOT_ALLOWED`, `UNANSWERED`, `UNPROVED`. Left out if there is no drift, and in a state of version 0.1.0.
   */
  readonly driftFacts?: readonly WiringDrift[];
}
