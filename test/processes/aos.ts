/**
 * Real aos under test: a process is booted from an image of aos, its program is evaluated as a
 * deploy would send it, and messages are answered in milliseconds.
 *
 * ```ts
 * const p = await boot("battle");
 * const r = await p.send({ From: "alice", Action: "Info" });
 * r.reply?.data; r.messages; r.error;
 * ```
 */
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { sha256 } from "../../src/core/hash.ts";
import { imagePath } from "../kit/images.ts";
import { fileEnds } from "../setup/at-end.ts";
import type { Evaluation, OutMessage, RawMessage, Tag, WorkerRequest } from "./aos-wire.ts";
import { type ProgramOptions, program } from "./compose.ts";
import { type Device, isPatch, luaDevice, WASM_DEVICE } from "./device.ts";

export type { OutMessage, RawMessage } from "./aos-wire.ts";

/** The address that owns every process of a test by default. */
export const OWNER = address("owner");
/** The messenger that processes trust when it pushes another process' message. */
export const MESSENGER = address("messenger");
/** What the library of a process says in a message that it sends for a call. */
export const sentFor = (caller: string, reference: string | undefined) => ({
  "Fleet-Sent-For": `${caller} ${reference} ${address("handled")}`,
});
/** The first timestamp of a test, in milliseconds. */
export const START = 1_700_000_000_000;

/** A 43-character address, always the same for a name. */
export function address(name: string): string {
  return `${name}-${Buffer.from(sha256(name), "hex").toString("base64url")}`
    .replaceAll("_", "-")
    .slice(0, 43);
}

/** A message to send; any other key becomes a tag. */
export interface SendOptions {
  From?: string;
  Action?: string;
  /** A string, or a value that is sent as JSON. */
  Data?: unknown;
  /** Several values of a name are tags of that name in their order. */
  Tags?: Record<string, string | readonly string[]>;
  Id?: string;
  /** Scheduler time in milliseconds; by default 1 s after the message before. */
  Timestamp?: number;
  /** The signer, which differs from `From` for a message that a messenger pushes. */
  Owner?: string;
  Cron?: boolean;
  /** Marks it as a dry run, as a unit does. Its effects are kept here. */
  readOnly?: boolean;
  [tag: string]: unknown;
}

/** Parsed JSON of unknown shape: every step into it may be absent. */
export interface Loose {
  readonly [key: string]: Loose | undefined;
}

/** JSON data of a reply. */
export interface ReplyData {
  readonly success?: boolean;
  readonly error?: { readonly code: string; readonly message: string; readonly remedy: string };
  readonly [key: string]: unknown;
}

/** One message of the outbox, parsed. */
export interface Reply {
  target: string;
  action: string;
  status: string;
  correlationId: string;
  tags: Record<string, string>;
  data: ReplyData;
  text: string;
}

export interface SendResult {
  /** The message to the sender with this message's correlation id, else the first one to the sender; parsed. */
  reply: Reply | undefined;
  /** The whole outbox; on lua@5.3a, with all that the node serves of the process as a patch. */
  messages: OutMessage[];
  /** What the message publishes. */
  patches: OutMessage[];
  /** A Lua error as the unit returns it. */
  error: string | undefined;
  /** What an Eval printed or returned. */
  output: string;
  /** Milliseconds in the evaluator. */
  ms: number;
}

export interface BootOptions extends ProgramOptions {
  owner?: string;
  /** The file name of an image. */
  image?: string;
  /** The process id; by default derived from the name. */
  id?: string;
  /** Skips loading the program. */
  bare?: boolean;
  /** Runs on lua@5.3a with the fleet's own module; the image is then only its Lua. */
  lua?: boolean;
  tags?: Record<string, string>;
}

let child: ChildProcess | undefined;
let sequence = 0;
const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();

function worker(): ChildProcess {
  if (child) return child;
  const made = fork(join(import.meta.dirname, "aos-worker.ts"), [], {
    execPath: join(import.meta.dirname, "..", "..", "node_modules", "node", "bin", "node"),
    execArgv: ["--experimental-wasm-memory64", "--disable-warning=ExperimentalWarning", "--no-warnings"],
    serialization: "advanced",
  });
  made.on("message", (answer: { id: number; value?: unknown; error?: string }) => {
    const open = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (answer.error !== undefined) open?.reject(new Error(answer.error));
    else open?.resolve(answer.value);
    if (waiting.size === 0) rest(made, false);
  });
  made.on("exit", (code) => {
    for (const open of waiting.values()) open.reject(new Error(`the evaluator ended with ${code}`));
    waiting.clear();
    child = undefined;
  });
  child = made;
  fileEnds().add(forget);
  return made;
}

/** Ends the processes of a test file: the next one in this process boots its own, in the same child. */
const forget = async (): Promise<void> => {
  if (child) await ask({ op: "forget" });
};

/** An idle child must not keep the test runner alive. */
function rest(of: ChildProcess, busy: boolean): void {
  const channel = of.channel;
  if (busy) {
    of.ref();
    channel?.ref();
  } else {
    of.unref();
    channel?.unref();
  }
}

type Ask = WorkerRequest extends infer R ? (R extends unknown ? Omit<R, "id"> : never) : never;

function ask<T>(request: Ask): Promise<T> {
  const id = ++sequence;
  const to = worker();
  rest(to, true);
  return new Promise<unknown>((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    to.send({ ...request, id });
  }) as Promise<T>;
}

/** The devices that a test runs on, by name: the options of `boot`. */
export const DEVICES = [
  ["genesis-wasm@1.0", {}],
  ["lua@5.3a", { lua: true }],
] as const satisfies readonly (readonly [string, BootOptions])[];

/** A running process. */
export class Aos {
  readonly name: string;
  readonly id: string;
  readonly owner: string;
  /** The scheduler time of the latest message. */
  now = START;
  /** The slot of the latest message. */
  slot = 0;
  #handle: string;
  #source: string | undefined;
  #device: Device;

  constructor(name: string, id: string, owner: string, handle: string, device: Device = WASM_DEVICE) {
    this.name = name;
    this.id = id;
    this.owner = owner;
    this.#handle = handle;
    this.#device = device;
  }

  /** Evaluates Lua as the owner. */
  eval(lua: string): Promise<SendResult> {
    return this.send({ From: this.owner, Action: "Eval", Data: lua });
  }

  /** Evaluates an expression and returns its JSON value; throws a Lua error. */
  async value(expression: string): Promise<unknown> {
    const r = await this.eval(`return require("json").encode({ ${expression} })`);
    if (r.error !== undefined) throw new Error(r.error);
    const [value] = JSON.parse(r.output) as unknown[];
    return value;
  }

  async send(options: SendOptions): Promise<SendResult> {
    const message = this.message(options);
    const { given, taken } = this.#device;
    const result = taken(
      await ask<Evaluation>({ op: "send", process: this.#handle, message: given(message) }),
    );
    const messages = result.Messages ?? [];
    const back = messages.filter((each) => each.Target === message.From).map(readReply);
    const correlation = message.Tags.find(({ name }) => name === "Correlation-Id")?.value ?? message.Id;
    const output = typeof result.Output === "object" ? result.Output.data : result.Output;
    return {
      reply: back.find((each) => each.correlationId === correlation) ?? back[0],
      messages,
      patches: result.patches ?? messages.filter(isPatch),
      error: result.Error ? String(result.Error) : undefined,
      output: typeof output === "string" ? output : JSON.stringify(output ?? ""),
      ms: result.ms,
    };
  }

  /** The message as a compute unit would pass it. */
  message(options: SendOptions): RawMessage {
    const { From, Action, Data, Tags, Id, Timestamp, Owner, Cron, readOnly, ...more } = options;
    this.slot += 1;
    this.now = Timestamp ?? this.now + 1000;
    const tags: Tag[] = [];
    if (Action !== undefined) tags.push({ name: "Action", value: Action });
    for (const [name, value] of Object.entries({ ...Tags, ...more }))
      for (const each of [value].flat()) tags.push({ name, value: String(each) });
    const from = From ?? this.owner;
    return {
      Id: Id ?? Buffer.from(sha256(`${this.id}/${this.slot}`), "hex").toString("base64url"),
      From: from,
      Owner: Owner ?? from,
      Target: this.id,
      Module: "module",
      Tags: tags,
      Data: typeof Data === "string" ? Data : Data === undefined ? "" : JSON.stringify(Data),
      Timestamp: this.now,
      Nonce: this.slot,
      Epoch: 0,
      "Block-Height": 1_400_000,
      Cron: Cron ?? false,
      ...(readOnly ? { "Read-Only": true } : {}),
    };
  }

  /** Loads a program in place, as an update would; by default the same source as before. */
  async load(options: ProgramOptions = {}): Promise<SendResult> {
    this.#source = options.source ?? this.#source;
    const source = this.#source === undefined ? {} : { source: this.#source };
    return this.eval(await program(this.name, { ...options, ...source }));
  }

  /** An independent copy with the same memory. */
  async clone(): Promise<Aos> {
    const as = `${this.#handle}+${++sequence}`;
    await ask({ op: "clone", process: this.#handle, as });
    const copy = new Aos(this.name, this.id, this.owner, as, this.#device);
    copy.now = this.now;
    copy.slot = this.slot;
    copy.#source = this.#source;
    return copy;
  }

  async drop(): Promise<void> {
    await ask({ op: "drop", process: this.#handle });
  }
}

/** Boots a process and loads its program. Throws if the program does not commit. */
export async function boot(name: string, options: BootOptions = {}): Promise<Aos> {
  const owner = options.owner ?? OWNER;
  const id = options.id ?? address(`process-${name}`);
  const handle = `${id}#${++sequence}`;
  const tags: Tag[] = [
    { name: "Authority", value: MESSENGER },
    { name: "Type", value: "Process" },
  ];
  for (const [key, value] of Object.entries(options.tags ?? {})) tags.push({ name: key, value });
  const device = options.lua
    ? luaDevice({ id, owner, module: "module", scheduler: MESSENGER, tags })
    : WASM_DEVICE;
  const process = new Aos(name, id, owner, handle, device);
  const spawn = { ...process.message({ From: owner, Type: "Process" }), Id: id };
  const env = { Process: { Id: id, Owner: owner, Tags: tags }, Module: { Id: "module", Tags: [] } };
  const [first, ...more] = device.start(spawn);
  await ask({ op: "boot", process: handle, image: imageFile(options), env: device.env ?? env, boot: first });
  for (const message of more) {
    const { Error: failure, Output } = await ask<Evaluation>({ op: "send", process: handle, message });
    if (failure !== undefined) throw new Error(`${name} did not boot: ${failure}`);
    if (typeof Output === "object" && "thrown" in Output)
      throw new Error(`${name}: ${String(Output.thrown)}`);
  }
  if (!options.bare) {
    const loaded = await process.load(options);
    if (loaded.error !== undefined || !loaded.output.includes('"committed"')) {
      throw new Error(`${name} did not load: ${loaded.error ?? loaded.output}`);
    }
  }
  return process;
}

function imageFile({ image, lua }: BootOptions): string {
  const file = image ?? (lua ? "aos2_0_6.wasm" : "aos2_0_3.wasm");
  return imagePath(file);
}

/** Parses a message of an outbox. Data that is not JSON is in `text` only. */
export function readReply(message: OutMessage): Reply {
  const tags: Record<string, string> = {};
  for (const { name, value } of message.Tags) tags[name] ??= String(value);
  const text = String(message.Data ?? "");
  let data: ReplyData = {};
  try {
    data = JSON.parse(text) as ReplyData;
  } catch {
    // not JSON: `text` has it
  }
  return {
    target: message.Target,
    action: tags.Action ?? "",
    status: tags.Status ?? "",
    correlationId: tags["Correlation-Id"] ?? "",
    tags,
    data,
    text,
  };
}
