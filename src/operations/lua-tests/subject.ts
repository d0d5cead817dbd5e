/** A process under test: what it is, and the messages that it gets. Pure. */
import { createHash } from "node:crypto";
import { DEVICE_TAG, LUA_DEVICE } from "../../core/devices.ts";
import { FleetError } from "../../core/errors.ts";
import type { Evaluator } from "../../localnet/evaluator.ts";
import type { EvaluatedMessage, OutItem, ProcessRecord, Tag } from "../../localnet/types.ts";
import type { BootOptions, Program } from "./programs.ts";

/** The messenger and scheduler of every process: it signs what a process sends to another. */
export const NETWORK = "fleet-test-network".padEnd(43, "0");
const FIRST_HEIGHT = 1_500_000;
/** Milliseconds between two messages. */
export const STEP = 1000;

/** A message as a test sends it. */
export interface TestMessage {
  readonly From: string;
  readonly Owner: string;
  readonly Data: string;
  readonly Tags: readonly Tag[];
  readonly Id?: string;
  readonly Timestamp: number;
  readonly Cron?: boolean;
}

/** What a test gets of an evaluation. */
export interface TestResult {
  readonly process: string;
  readonly id: string;
  readonly messages: readonly OutItem[];
  readonly spawns: readonly OutItem[];
  readonly output: string;
  /** A Lua error at its place in the sources. */
  readonly error?: string;
}

/** A process under test. */
export interface Subject {
  readonly record: ProcessRecord;
  readonly evaluator: Evaluator;
  program: Program;
  /** Lines before the bundle in what was loaded. */
  offset: number;
  loads: number;
  memory: Uint8Array | null;
  nonce: number;
  /** The latest outboxes by message, with the message that began the chain. */
  readonly sent: Map<string, { readonly items: readonly OutItem[]; readonly root: string }>;
}

export interface Booted extends Pick<Subject, "memory" | "nonce" | "offset" | "loads"> {
  readonly now: number;
}

/** A failure of what a test asked for. */
export const problem = (text: string): FleetError =>
  new FleetError({ code: "TEST_REQUEST", what: text, remedy: "Fix the test, or the program." });

export const EVAL: readonly Tag[] = [{ name: "Action", value: "Eval" }];

/** A process of a program, as the network knows it. */
export function recordOf(
  program: Program,
  options: BootOptions,
  owner: string,
  module: string,
  count: number,
): ProcessRecord {
  const own = { ...program.tags, ...options.tags };
  const tags = {
    ...{ "Data-Protocol": "ao", Variant: "ao.TN.1", Type: "Process", Module: module, Scheduler: NETWORK },
    ...{ Authority: NETWORK, Name: program.name },
    ...(program.device === LUA_DEVICE ? { [DEVICE_TAG]: LUA_DEVICE } : {}),
    ...own,
  };
  const id = options.id ?? createHash("sha256").update(`${program.name}/${count}`).digest("base64url");
  const list = Object.entries(tags).map(([name, value]) => ({ name, value }));
  return { id, owner, module, scheduler: NETWORK, tags: list };
}

/** The messages by which a deployment wires a process and sends its settings: actions and their data. */
export function controlsOf(
  peers: BootOptions["peers"],
  settings: Readonly<Record<string, unknown>>,
): [string, object][] {
  const configs = Object.entries(settings).map(([configType, configData]): [string, object] => [
    "UPDATE_CONFIG",
    { configType, configData, version: 1 },
  ]);
  return [...(peers === undefined ? [] : [["WIRE_PEERS", { peers }] as [string, object]]), ...configs];
}

/** What an Eval returned or printed. */
export function outputText(output: unknown): string {
  if (typeof output === "string") return output;
  const { data } = (output ?? {}) as { readonly data?: unknown };
  if (typeof data === "string") return data;
  if (typeof data === "object" && data !== null && "output" in data) return String(data.output);
  return JSON.stringify(output ?? "");
}

/** A message as a compute unit passes it. @param counts whether the lines that it runs are to be noted */
export function messageTo(
  { record, nonce }: Pick<Subject, "record" | "nonce">,
  { From, Owner, Data, Tags, Id, Timestamp, Cron = false }: TestMessage,
  { counts, isDry }: { readonly counts: boolean; readonly isDry: boolean },
): EvaluatedMessage {
  const next = nonce + 1;
  return {
    Id: Id ?? createHash("sha256").update(`${record.id}/${next}/${Timestamp}`).digest("base64url"),
    ...{ From, Owner, Data, Target: record.id, Epoch: 0, Nonce: next, Timestamp, Cron },
    Tags: Tags.filter(({ name }) => name !== "From" && name !== "Owner"),
    "Block-Height": FIRST_HEIGHT,
    ...(Owner === From ? {} : { "Forwarded-By": Owner }),
    ...(isDry ? { "Read-Only": true } : {}),
    ...(counts ? { "Fleet-Lines": true } : {}),
  };
}
