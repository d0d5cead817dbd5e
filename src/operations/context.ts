import type { FleetSession, OpenOptions } from "../fleet/fleet-session.ts";
import type { History } from "../fleet/history.ts";
import type { PulumiRunner, Workspace } from "./workspace/workspace.ts";

/** What operations touch outside themselves. */
export interface OperationHost extends PulumiRunner {
  /** The order of messages of a fleet's processes; one read may take so many seconds. */
  history(fleet: FleetSession, seconds: number): Promise<History>;
  /** Waits so many seconds. */
  pause(seconds: number): Promise<void>;
}

/** The project and stack that an operation is about. */
export interface OperationContext {
  readonly host: OperationHost;
  /** The folder with Pulumi.yaml. */
  readonly projectDir: string;
  workspace(): Promise<Workspace>;
  /** The stack that is meant. */
  stack(): Promise<string>;
  /** The fleet of that stack; closed when the command ends. */
  fleet(options: Omit<OpenOptions, "note">): Promise<FleetSession>;
}
