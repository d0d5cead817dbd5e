/** The messages between the test runner and the child process with the evaluator. */
import type { EvaluatedMessage } from "../../src/localnet/types.ts";

export interface Tag {
  name: string;
  value: string;
}

/** A message as the compute unit passes it to the evaluator. */
export interface RawMessage {
  Id: string;
  From: string;
  Owner: string;
  Target: string;
  Module: string;
  Tags: Tag[];
  Data: string;
  Timestamp: number;
  Nonce: number;
  Epoch: number;
  "Block-Height": number;
  Cron: boolean;
  "Read-Only"?: boolean;
}

/** A message in a process' outbox. */
export interface OutMessage {
  Target: string;
  Data?: string;
  Anchor?: string;
  Tags: Tag[];
}

/** The result of one evaluation. */
export interface Evaluation {
  Error?: string;
  Output?: { data?: unknown } | string;
  Messages: OutMessage[];
  /** What it publishes, if that is not among its messages. */
  patches?: OutMessage[];
  Spawns: unknown[];
  Assignments: unknown[];
  /** Milliseconds in the evaluator. */
  ms: number;
}

export type WorkerRequest = { id: number } & (
  | { op: "boot"; process: string; image: string; env: unknown; boot: RawMessage | EvaluatedMessage }
  | { op: "send"; process: string; message: RawMessage | EvaluatedMessage }
  | { op: "clone"; process: string; as: string }
  | { op: "drop"; process: string }
  | { op: "forget" }
);
