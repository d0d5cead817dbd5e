import { z } from "zod";
import { NetworkRefSchema } from "../../ao/network.ts";

/** Names what belongs together: which stack of which project, and where its files are kept (relative to the project). */
export const ScopeSchema = z.strictObject({
  /** Pulumi project name. */
  project: z.string().min(1),
  /** Pulumi stack name. */
  stack: z.string().min(1),
  /** Name of the member that keeps the ledger and the epoch (the guide's deployment coordinator). Without one, epoch 0 is used. */
  ledger: z.string().optional(),
  /** Folder of what must not be lost: journal, bundles, releases. @default ".fleet" */
  home: z.string().default(".fleet"),
  /** Folder of what people read: manifest, bundles by name, logs. @default "build" */
  build: z.string().default("build"),
});

export type Scope = z.infer<typeof ScopeSchema>;

/** Every resource of a fleet carries where it lives and to whom it belongs. */
export const CommonInputs = {
  scope: ScopeSchema,
  network: NetworkRefSchema,
};

/** `project/stack/process`: the logical name of a member, and the value of its `Deployment-Key` tag. */
export function deploymentKey(scope: Pick<Scope, "project" | "stack">, name: string): string {
  return `${scope.project}/${scope.stack}/${name}`;
}
