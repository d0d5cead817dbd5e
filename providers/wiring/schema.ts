import { z } from "zod";
import { ProbeSchema } from "../../src/fleet/health/probe-message.ts";
import { HealthPolicySchema } from "../../src/fleet/health/schema.ts";
import { TargetSchema } from "../../src/fleet/members/target.ts";
import { CommonInputs } from "../../src/fleet/session/scope.ts";
import { CodeSchema } from "../run/coming.ts";
import type { WiringDrift } from "./drift.ts";

export const WiringInputsSchema = z.strictObject({
  ...CommonInputs,
  /** The member that is told. */
  target: TargetSchema,
  /** Peer name → AO process id. Replaces the whole table. */
  peers: z.record(z.string(), z.string()),
  /**
   * Names among `peers` that run without the fleet's library (`lib: false`): the target asks them for nothing that the library would
   * answer, and judges none of them. A target whose own library is older takes no notice. @default none
   */
  withoutLibrary: z.array(z.string()).optional(),
  /** Member that carries the fleet's router: where it is a peer, whom it names in `On-Behalf-Of` is who asked. @default the peer "coordinator" */
  router: z.string().optional(),
  /**
   * Who may change the target beside its owner: name → address of a wallet or id of a process. Replaces the whole list. What is
   * declared nowhere is left as it is. @default none
   */
  deployers: z.record(z.string(), z.string()).optional(),
  /** Sent to the target when it knows its peers; each must be answered as expected. @default none */
  probes: z.array(ProbeSchema).optional(),
  /** Other members that the target calls as a peer: each is told that a message of the target is one of a peer. @default none */
  admit: z.array(TargetSchema).optional(),
  /**
   * Tells only a target that was not told before: who runs on keeps its peers, and is told when traffic has moved.
   * @default false
   */
  newOnly: z.boolean().optional(),
  /**
   * sha256 of the code of the target and of its peers, by name, where new code gets a process of its own: says in a preview that
   * the process will be another one, when its id is not known yet. @default none
   */
  code: CodeSchema.optional(),
  /** Name of the resource where a target has several wirings. @default "<target>-wiring" */
  name: z.string().optional(),
  /** How long it may take until the target is ready with its peers. */
  healthCheck: HealthPolicySchema.prefault({}),
  /** Seconds for a whole create or update. */
  timeoutSeconds: z.number().positive().default(120),
});

export type WiringInputs = z.infer<typeof WiringInputsSchema>;

export interface WiringOutputs extends WiringInputs {
  /** Shape of these outputs; later code reads every earlier one. */
  readonly schemaVersion: 1;
  /** Content hash of the table: of `peers`, and of `withoutLibrary` and the router's id where they are told. */
  readonly hash: string;
  /** What a refresh found changed by hand, in words. */
  readonly drift: string[];
  /**
   * What each line of `drift` says, as data, in its order: `PEER_ADDED`, `PEER_REMOVED`, `PEER_REPLACED`, `PEER_LIBRARY`, `ROUTER`,
   * `ALLOWED`, `NOT_ALLOWED`, `UNANSWERED`, `UNPROVED`. Absent where nothing was found, and in a state of version 0.1.0.
   */
  readonly driftFacts?: readonly WiringDrift[];
}
