import { z } from "zod";

export const LocalNetworkInputsSchema = z.strictObject({
  /** Folder of ids, state and ports, relative to the project. */
  dir: z.string().min(1),
  /**
   * Who needs the network. Several resources may share a folder: one that is deleted stops the network only when no other user is left.
   * @default project, stack and the resource's own name
   */
  user: z.string().min(1).optional(),
  /** Seconds until all units must answer. */
  timeoutSeconds: z.number().positive().default(60),
});

export type LocalNetworkInputs = z.infer<typeof LocalNetworkInputsSchema>;

/** The same after every restart: ports are remembered in the folder. */
export interface LocalNetworkOutputs extends LocalNetworkInputs {
  /** Shape of these outputs; later code reads every earlier one. */
  readonly schemaVersion: 1;
  /** Serves data. Loopback, like all of them. */
  readonly gatewayUrl: string;
  /** Serves the index. */
  readonly graphqlUrl: string;
  /** The messenger unit. */
  readonly muUrl: string;
  /** The compute unit. */
  readonly cuUrl: string;
  /** Address of the scheduler for new processes. */
  readonly scheduler: string;
  /** Address whose pushes between processes are trusted. */
  readonly authority: string;
  /** Ids of the aos images by alias: `aos`, `aos-2.0.3`, … */
  readonly modules: Record<string, string>;
}
