import type { FleetSession, OpenOptions } from "../fleet/fleet-session.ts";
import type { History } from "../fleet/history.ts";
import type { PulumiRunner, Workspace } from "./workspace/workspace.ts";

/** The effects that operations need from their caller. */
interface OperationHost extends PulumiRunner {
  /** Reads the scheduled messages of a fleet's processes. @param seconds time limit of one read */
  history(fleet: FleetSession, seconds: number): Promise<History>;
  /** Waits for the given number of seconds. */
  pause(seconds: number): Promise<void>;
}

/** The project and stack that an operation works on. */
export interface OperationContext {
  readonly host: OperationHost;
  /** The folder with Pulumi.yaml. */
  readonly projectDir: string;
  workspace(): Promise<Workspace>;
  /** The name of the selected stack. */
  stack(): Promise<string>;
  /** The fleet of that stack; closed when the command ends. */
  fleet(options: Omit<OpenOptions, "note">): Promise<FleetSession>;
}
