import { z } from "zod";

export const LocalNetworkInputsSchema = z.strictObject({
  /** Folder of ids, state and ports, relative to the project. */
  dir: z.string().min(1),
  timeoutSeconds: z.number().positive().default(60),
});

export type LocalNetworkInputs = z.infer<typeof LocalNetworkInputsSchema>;

/** The same after every restart: ports are remembered in the folder. */
export interface LocalNetworkOutputs extends LocalNetworkInputs {
  readonly schemaVersion: 1;
  readonly gatewayUrl: string;
  readonly graphqlUrl: string;
  readonly muUrl: string;
  readonly cuUrl: string;
  readonly scheduler: string;
  readonly authority: string;
  readonly modules: Record<string, string>;
}
