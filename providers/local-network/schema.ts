import { z } from "zod";

export const LocalNetworkInputsSchema = z.strictObject({
  /** Folder of the network's ids, state and ports, relative to the project. Changing it replaces the network. */
  dir: z.string().min(1),
  /**
   * Name of this user of the network. Several resources may share a folder: deleting one stops the network only if no other user is left.
   * @default project, stack, the resource's name, and a hash of the project's folder
   */
  user: z.string().min(1).optional(),
  /** Seconds within which all units must answer. @default 60 */
  timeoutSeconds: z.number().positive().default(60),
});

export type LocalNetworkInputs = z.infer<typeof LocalNetworkInputsSchema>;

/** Outputs of a LocalNetwork. They stay the same after every restart, because the folder stores the ports. */
export interface LocalNetworkOutputs extends LocalNetworkInputs {
  /** Version of the outputs' shape. Later code reads every earlier version. */
  readonly schemaVersion: 1;
  /** URL of the gateway, which serves data. It is on loopback, like all of them. */
  readonly gatewayUrl: string;
  /** URL of the index (GraphQL). */
  readonly graphqlUrl: string;
  /** URL of the messenger unit. */
  readonly muUrl: string;
  /** URL of the compute unit. */
  readonly cuUrl: string;
  /** Address of the scheduler for new processes. */
  readonly scheduler: string;
  /** Address whose pushes between processes are trusted. */
  readonly authority: string;
  /** Ids of the aos images by alias: `aos`, `aos-2.0.3`, … */
  readonly modules: Record<string, string>;
}
