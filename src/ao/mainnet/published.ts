import type { Budget } from "../../core/budget.ts";
import { tolerate } from "../../core/errors.ts";
import type { PublishedInput, PublishedValue } from "../port.ts";
import { envelopedValue, isEnvelope, type NodeAnswer, type NodeClient } from "./node.ts";

/** The ending of a member that is a link: the value is served at the member's own path. */
const LINK = "+link";
/** Links that are followed in one value, and tables in tables. */
const MAX_LINKS = 32;
const MAX_DEPTH = 4;

/** The path at which a node serves published state: the present one, or the one after a slot. Pure. */
export function publishedPath({ processId, path, slot }: PublishedInput): string {
  const stage = slot === undefined ? "now" : `compute=${slot}`;
  return `/${[`${processId}~process@1.0`, stage, ...path.map(encodeURIComponent)].join("/")}`;
}

/** Reads published state by a single attempt. @returns undefined for everything that is no value, also if the node does not answer */
export async function readPublished(
  node: NodeClient,
  { processId, path, slot }: PublishedInput,
  budget: Budget,
): Promise<PublishedValue | undefined> {
  let links = 0;

  async function at(keys: readonly string[]): Promise<PublishedValue | undefined> {
    const place = { processId, path: keys, ...(slot === undefined ? {} : { slot }) };
    const value = valueIn(await node.ask({ path: publishedPath(place) }, budget));
    if (value === undefined || typeof value === "string" || Array.isArray(value)) return value;
    const members = await Promise.all(
      Object.entries(value).map(async ([name, member]): Promise<readonly [string, unknown]> => {
        if (!name.endsWith(LINK)) return [name, member];
        const plain = name.slice(0, -LINK.length);
        links += 1;
        const isTooMuch = links > MAX_LINKS || keys.length >= path.length + MAX_DEPTH;
        return [plain, isTooMuch ? undefined : await at([...keys, plain])];
      }),
    );
    return Object.fromEntries(members.filter(([, member]) => member !== undefined));
  }

  return at(path).catch(tolerate(undefined));
}

/** The value in an answer: plain text, JSON, or JSON in the node's own envelope. Nodes answer with a page for people to what they do not find. */
function valueIn({ ok, headers, text, json }: NodeAnswer): PublishedValue | undefined {
  const isPage = headers["content-type"]?.startsWith("text/html") || /^\s*<(?:!doctype|html)\b/i.test(text);
  if (!ok || isPage || text === "") return undefined;
  if (json === undefined) return text;
  // Not by way of a double, which may lose digits.
  if (typeof json === "number") return text.trim();
  return asValue(isEnvelope(json) ? envelopedValue(json) : json);
}

function asValue(value: unknown): PublishedValue | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  return typeof value === "object" ? (published(value) as PublishedValue) : String(value);
}

/** What a node adds to a table: its signatures, and the types of members that JSON does not have. */
const ADDED = { signatures: "commitments", types: "ao-types" } as const;

/** A table as the process published it. */
function published(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const { [ADDED.signatures]: _, [ADDED.types]: types, ...members } = value as Record<string, unknown>;
  const atoms = atomsIn(types);
  return Object.fromEntries(
    Object.entries(members).map(([name, member]) => [
      name,
      atoms.has(name.toLowerCase()) && (member === "true" || member === "false")
        ? member === "true"
        : published(member),
    ]),
  );
}

/** The members that are booleans, from a string such as `count="integer", open="atom"`. */
function atomsIn(types: unknown): ReadonlySet<string> {
  if (typeof types !== "string") return new Set();
  return new Set([...types.matchAll(/([^",\s=]+)="atom"/g)].map(([, name = ""]) => name.toLowerCase()));
}

/** Whether tags mark a message of an outbox as a patch of published state, which is not delivered to anyone. */
export const isPatch = (tags: Readonly<Record<string, string>>): boolean =>
  Object.entries(tags).some(([name, value]) => {
    const key = name.toLowerCase();
    return (key === "device" && value === "patch@1.0") || (key === "method" && value === "PATCH");
  });
