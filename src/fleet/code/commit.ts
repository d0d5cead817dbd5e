/** What a load records in the process as its last step. */
export interface Commit {
  readonly process: string;
  readonly release: string;
  readonly sourceHash: string;
  readonly version: string;
  readonly epoch: number;
  /** Whether another program ran in the process before the fleet's. @default false */
  readonly adopted?: boolean;
  /** Whether values that messages set survive the load, even if the code assigns them at load. @default true */
  readonly keeps?: boolean;
  /** Whether the run accepts that a load loses state, as with `--without-backup`. @default false */
  readonly accepts?: boolean;
  /** Whether the network may evaluate the load again. Then it carries a guard against that. @default false */
  readonly repeats?: boolean;
}

/** A state to restore: the loaded program gets it as it was exported. */
export interface RestoredState {
  /** The result of EXPORT_STATE, as JSON. */
  readonly text: string;
  readonly digest: string;
}

export interface Program {
  readonly text: string;
  /** Number of lines before the bundle's first line, to map the lines in errors. */
  readonly offsetLines: number;
}
