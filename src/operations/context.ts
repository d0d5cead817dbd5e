import type { FleetSession, OpenOptions } from "../fleet/fleet-session.ts";
import type { History } from "../fleet/history.ts";
import type { PulumiRunner, Workspace } from "./workspace/workspace.ts";

/**
 * Calls back each time that somebody asks the command to end, as by Ctrl-C, until the function that it returns is called.
 *
 * @param onInterrupt gets whether the same request reaches pulumi without the command, as on a terminal
 * @param signals that are such a request. @default SIGINT and SIGTERM
 */
export type Interrupts = (
  onInterrupt: (reachesPulumi: boolean) => void,
  signals?: readonly NodeJS.Signals[],
) => () => void;

/** The effects that operations need from their caller. */
interface OperationHost extends PulumiRunner {
  /** Reads the scheduled messages of a fleet's processes. @param seconds time limit of one read */
  history(fleet: FleetSession, seconds: number): Promise<History>;
  /** Waits for the given number of seconds. */
  pause(seconds: number): Promise<void>;
  readonly interrupts: Interrupts;
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
