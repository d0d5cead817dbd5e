import { join } from "node:path";
import { z } from "zod";
import { NetworkRefSchema } from "../../ao/network.ts";

/** Identifies a fleet: its stack and project, and the folders of its files (relative to the project). */
export const ScopeSchema = z.strictObject({
  /** Pulumi project name. */
  project: z.string().min(1),
  /** Pulumi stack name. */
  stack: z.string().min(1),
  /** Name of the member with the ledger and the epoch (the guide's deployment coordinator). Without it, epoch 0 is used. */
  ledger: z.string().optional(),
  /** Folder for data that must not be lost: journal, bundles, releases. @default ".fleet" */
  home: z.string().default(".fleet"),
  /** Folder for output: manifest, bundles by name, logs. @default "build" */
  build: z.string().default("build"),
});

export type Scope = z.infer<typeof ScopeSchema>;
/** A stack, and the folder of its files. */
export type StackFiles = Pick<Scope, "home" | "project" | "stack">;

/** The scope of a stack, with its files in the project's own folders. */
export const scopeIn = (projectDir: string, project: string, stack: string): Scope =>
  ScopeSchema.parse({ project, stack, home: join(projectDir, ".fleet"), build: join(projectDir, "build") });

/** Inputs of every resource of a fleet: its scope and network. */
export const CommonInputs = {
  scope: ScopeSchema,
  network: NetworkRefSchema,
};

/** `project/stack/process`: the logical name of a member, and the value of its `Deployment-Key` tag. */
export function deploymentKey(scope: Pick<Scope, "project" | "stack">, name: string): string {
  return `${scope.project}/${scope.stack}/${name}`;
}
