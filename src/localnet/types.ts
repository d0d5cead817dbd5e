/** Plain data that the rooms of the embedded network share. Names of evaluated fields follow the AO protocol (JSON-V1 encoding). */

export interface Tag {
  readonly name: string;
  readonly value: string;
}

/** A data item as recorded by the gateway. */
export interface ItemRecord {
  /** base64url sha256 of the signature. */
  readonly id: string;
  /** Address of the signer: base64url sha256 of the public key. */
  readonly owner: string;
  /** The public key, base64url. */
  readonly ownerKey: string;
  readonly signature: string;
  /** "" if there is none. */
  readonly target: string;
  /** As a string; "" if there is none. */
  readonly anchor: string;
  readonly tags: readonly Tag[];
  /** Offset of the data in the raw bytes. */
  readonly dataOffset: number;
  readonly dataSize: number;
  readonly height: number;
  /** Milliseconds. */
  readonly timestamp: number;
}

export interface ProcessRecord {
  readonly id: string;
  readonly owner: string;
  readonly module: string;
  readonly scheduler: string;
  readonly tags: readonly Tag[];
}

/** One entry of a process' order. */
export interface Assignment {
  /** Id of the assignment item, signed by the scheduler. */
  readonly id: string;
  readonly process: string;
  /** 0 is the process itself. No gaps. */
  readonly nonce: number;
  readonly message: string;
  /** True if the message was not sent to this process but assigned to it later. */
  readonly assigned: boolean;
  readonly exclude: readonly string[];
  readonly hashChain: string;
  readonly height: number;
  readonly timestamp: number;
  /** Content hash of a pushed message (one with `From-Process`): a repeated push is refused. */
  readonly deepHash: string | null;
}

/** The message that a module's `handle` receives. */
export interface EvaluatedMessage {
  readonly Id?: string;
  readonly Signature?: string;
  readonly Data?: unknown;
  readonly Owner: string;
  readonly Target: string;
  readonly Anchor?: string;
  readonly From: string;
  readonly "Forwarded-By"?: string;
  readonly Tags: readonly Tag[];
  readonly Epoch?: number;
  readonly Nonce?: number;
  /** Milliseconds, by the scheduler. */
  readonly Timestamp: number;
  readonly "Block-Height": number;
  readonly "Hash-Chain"?: string;
  readonly Cron: boolean;
  readonly "Read-Only"?: boolean;
}

/** A message or spawn in an outbox. */
export interface OutItem {
  readonly Target?: string;
  readonly Anchor?: string;
  readonly Data?: unknown;
  readonly Tags?: readonly Tag[];
}

export interface OutAssignment {
  readonly Message: string;
  readonly Processes: readonly string[];
}

/** The public part of an evaluation, which the compute unit returns. */
export interface EvaluationResult {
  readonly Output: unknown;
  readonly Messages: readonly OutItem[];
  readonly Spawns: readonly OutItem[];
  readonly Assignments: readonly OutAssignment[];
  /** Set if the evaluation failed: then the earlier memory is kept and nothing is pushed. */
  readonly Error?: string;
  readonly GasUsed?: number;
}

export interface EvaluationRecord {
  readonly process: string;
  /** The nonce of the last scheduled message; for a cron evaluation, that of the message before it. */
  readonly ordinate: number;
  /** `0-10-seconds`: index and interval of the cron that made it. */
  readonly cron: string | null;
  readonly message: string | null;
  readonly timestamp: number;
  readonly height: number;
  readonly result: EvaluationResult;
  /** What its outbox sets in the state that a HyperBEAM node serves over HTTP (`patch@1.0`). */
  readonly patches?: readonly Readonly<Record<string, unknown>>[];
}

/** A pending effect of an evaluation. */
export interface Effect {
  readonly kind: "message" | "spawn" | "assignment";
  /** The process whose outbox it was in. */
  readonly process: string;
  /** The message that started the chain; null for cron. */
  readonly root: string | null;
  readonly item: OutItem | OutAssignment;
}

/** The value of the first tag with that name. */
export function tagValue(tags: readonly Tag[], name: string): string | undefined {
  return tags.find((tag) => tag.name === name)?.value;
}
