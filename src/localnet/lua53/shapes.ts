/** Messages as a node passes them to `lua@5.3a`, and results as it takes them back. Pure. */
import { LUA_DEVICE } from "../../core/devices.ts";
import type { EvaluatedMessage, EvaluationResult, OutItem, ProcessRecord, Tag } from "../types.ts";

/** A message of a node: keys in lower case. */
type NodeMessage = Readonly<Record<string, unknown>>;

/** What `compute` is called with. */
export interface ComputeInput {
  readonly base: NodeMessage;
  readonly request: NodeMessage;
}

/** The message that a process starts as: its own tags, and the signed process under `process`. */
export function baseOf({ id, owner, tags }: ProcessRecord): NodeMessage {
  const keys = keysOf(tags);
  return {
    ...keys,
    device: LUA_DEVICE,
    initialized: "true",
    process: { ...keys, commitments: { [id]: itemCommitment(owner, keys, tags, "") } },
  };
}

/** The assignment of a slot, with the message in it; for a dry run, the keys of the request itself, which nobody signed. */
export function requestOf(process: ProcessRecord, message: EvaluatedMessage): NodeMessage {
  const { Data: data, Tags: tags } = message;
  if (message["Read-Only"] === true) {
    return {
      path: "compute",
      method: "GET",
      accept: "application/json",
      ...keysOf(tags),
      ...given({ data }),
    };
  }
  const { Timestamp: timestamp, "Block-Height": height, "Hash-Chain": chain, Nonce: slot } = message;
  return {
    ...{ path: "compute", type: "Assignment", process: process.id, epoch: "0", slot, timestamp },
    ...{ "block-height": height, "block-timestamp": timestamp, ...given({ "hash-chain": chain }) },
    body: bodyOf(process, message),
  };
}

/** A user's message is an ANS-104 item; what the node itself delivers is a signed message in the format of HTTP. */
function bodyOf({ scheduler }: ProcessRecord, message: EvaluatedMessage): NodeMessage {
  const { Id: id = "", Owner: owner, Tags: tags, Data: data, Target: target, Anchor: anchor } = message;
  const keys = { ...keysOf(tags), ...given({ data, target, anchor }) };
  const commitment =
    owner === scheduler
      ? {
          ...{ "commitment-device": "httpsig@1.0", type: "rsa-pss-sha512", committer: owner },
          committed: Object.keys(keys),
        }
      : itemCommitment(owner, keys, tags, message.Signature ?? "");
  return { ...keys, commitments: { [id]: commitment } };
}

function itemCommitment(committer: string, keys: NodeMessage, tags: readonly Tag[], signature: string) {
  const areLower = tags.every(({ name }) => name === name.toLowerCase());
  return {
    ...{ "commitment-device": "ans104@1.0", type: "rsa-pss-sha256", committer, signature },
    committed: Object.keys(keys),
    // A node keeps the spelling of an item's tags only if it would otherwise be lost.
    ...(areLower ? {} : { "original-tags": tags }),
  };
}

function keysOf(tags: readonly Tag[]): Record<string, string> {
  const keys = new Map<string, string>();
  for (const { name, value } of tags) {
    const earlier = keys.get(name.toLowerCase());
    // Nodes keep all values of a tag that occurs several times, as a structured header.
    keys.set(name.toLowerCase(), earlier === undefined ? value : `${quoted(earlier)}, "${value}"`);
  }
  return Object.fromEntries(keys);
}

const quoted = (value: string) => (value.startsWith('"') ? value : `"${value}"`);

const given = (fields: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== ""));

/** What the host returns: the module's `results`, and the keys that it added to the base message. */
interface ComputeOutput {
  readonly results: {
    readonly outbox?: Readonly<Record<string, NodeMessage>> | readonly [];
    readonly output?: unknown;
    readonly json?: { readonly body?: unknown };
  };
  readonly published: Readonly<Record<string, unknown>> | readonly [];
}

/** @throws Error with what the module raised: a node then runs the slot again and again */
export function outputIn(output: unknown): ComputeOutput {
  const { data, thrown } = output as { data?: unknown; thrown?: unknown };
  if (typeof data !== "string") throw new Error(String(thrown ?? "the module returned nothing"));
  return JSON.parse(data) as ComputeOutput;
}

/**
 * A result as the units keep it. What the node delivers is the module's `outbox`; what it serves as a result is the JSON text under
 * `results/json/body`, which a module need not have. Published keys become a patch.
 */
export function resultOf({ results, published }: ComputeOutput): EvaluationResult {
  const { outbox = [], output = "", json } = results;
  const body = typeof json?.body === "string" ? (JSON.parse(json.body) as Partial<EvaluationResult>) : {};
  const messages = Object.entries(outbox)
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, item]) => outItem(item));
  const patch = Object.entries(published).map(([name, value]) => ({ name, value }));
  return {
    Output: body.Output ?? output,
    Messages: [...messages, ...(patch.length === 0 ? [] : [patchOf(patch)])],
    Spawns: body.Spawns ?? [],
    Assignments: [],
    ...(body.Error === undefined ? {} : { Error: body.Error }),
  };
}

/** The receiver sees the names of tags as those of HTTP headers: their spelling is lost on a node. */
function outItem({ target, data, anchor, ...tags }: NodeMessage): OutItem {
  return {
    Target: String(target),
    ...(data === undefined ? {} : { Data: data }),
    ...(typeof anchor === "string" ? { Anchor: anchor } : {}),
    Tags: Object.entries(tags).map(([name, value]) => ({ name: headerCase(name), value: String(value) })),
  };
}

const headerCase = (name: string) =>
  name.replace(/(^|-)([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());

/** Values keep their types, as aos writes them into tags. */
const patchOf = (tags: readonly { name: string; value: unknown }[]): OutItem => ({
  Target: "",
  Tags: [{ name: "device", value: "patch@1.0" }, ...(tags as readonly Tag[])],
});
