/** What a load writes down in the process as its last step. */
export interface Commit {
  readonly process: string;
  readonly release: string;
  readonly sourceHash: string;
  readonly version: string;
  readonly epoch: number;
  /** Whether another program ran in the process before the fleet's did. @default false */
  readonly adopted?: boolean;
  /** Whether the program finds what messages gave, also where its code assigns it at load. @default true */
  readonly keeps?: boolean;
}

/** A state to go back to: the program that is loaded finds it as it was exported. */
export interface RestoredState {
  /** What EXPORT_STATE gave, as JSON. */
  readonly text: string;
  readonly digest: string;
}

export interface Program {
  readonly text: string;
  /** Lines before the bundle's first line, to map an error's line back. */
  readonly offsetLines: number;
}
