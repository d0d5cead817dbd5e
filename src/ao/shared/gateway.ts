import { z } from "zod";
import type { Budget } from "../../core/budget.ts";
import { LUA_TYPE } from "../../core/devices.ts";
import { startOf } from "../../core/unicode.ts";
import { UnitError, unitNotAo, unitRefused } from "../errors.ts";
import type { Ao, FoundItem } from "../port.ts";
import type { Answer, Unit } from "./http.ts";
import { actionOf, TagSchema, tagsOf } from "./tags.ts";

/** Items per page; the limit of public gateways. */
const PAGE = 100;

const QUERY = `query($ids: [ID!], $owners: [String!], $recipients: [String!], $tags: [TagFilter!], $first: Int, $after: String) {
  transactions(ids: $ids, owners: $owners, recipients: $recipients, tags: $tags, first: $first, after: $after, sort: HEIGHT_DESC) {
    pageInfo { hasNextPage }
    edges { cursor node { id recipient owner { address } tags { name value } block { height timestamp } } }
  }
}`;

/** With errors, the data may be a part, or nothing at all. Without `pageInfo`, a page would pass for the last one. */
const PageSchema = z.object({
  errors: z.array(z.unknown()).max(0).nullish(),
  data: z.object({
    transactions: z.object({
      pageInfo: z.object({ hasNextPage: z.boolean() }),
      edges: z.array(
        z.object({
          cursor: z.string().nullish(),
          node: z.object({
            id: z.string(),
            recipient: z.string().nullish(),
            owner: z.object({ address: z.string() }),
            tags: z.array(TagSchema),
            block: z.object({ height: z.coerce.number(), timestamp: z.coerce.number() }).nullish(),
          }),
        }),
      ),
    }),
  }),
});

type Query = Parameters<Ao["find"]>[0];

/**
 * One page of found items.
 *
 * @throws UnitError also for a page that is not complete, as nothing can be concluded from what it lacks; transient
 */
export async function readPage(
  gateway: Unit,
  query: Query,
  page: { first: number; after?: string | undefined },
  budget: Budget,
): Promise<{ items: FoundItem[]; next?: string }> {
  const answer = await gateway.ask(
    {
      url: gateway.url,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        query: QUERY,
        variables: {
          ...(query.ids === undefined ? {} : { ids: query.ids }),
          ...(query.owners === undefined ? {} : { owners: query.owners }),
          ...(query.recipients === undefined ? {} : { recipients: query.recipients }),
          ...(query.tags === undefined ? {} : { tags: tagFilters(query.tags) }),
          first: page.first,
          ...(page.after === undefined ? {} : { after: page.after }),
        },
      }),
    },
    budget,
  );
  if (!answer.ok) throw unitRefused(gateway.name, gateway.url, answer.status, answer.excerpt);
  const parsed = PageSchema.safeParse(answer.json).data;
  if (!parsed) throw unitNotAo(gateway.name, gateway.url, `${answer.status} ${answer.excerpt}`);
  const { edges, pageInfo } = parsed.data.transactions;
  const last = edges.at(-1)?.cursor ?? "";
  if (pageInfo.hasNextPage && (last === "" || last === page.after))
    throw unitNotAo(gateway.name, gateway.url, "a page that others follow, without a cursor to the next one");
  return {
    items: edges.map(({ node }) => ({
      id: node.id,
      owner: node.owner.address,
      recipient: node.recipient ?? "",
      tags: tagsOf(node.tags),
      action: actionOf(node.tags),
      ...(node.block ? { block: node.block } : {}),
    })),
    ...(pageInfo.hasNextPage ? { next: last } : {}),
  };
}

/**
 * Items up to the limit, page by page, each once.
 *
 * @param onePage reads a page, with its own retries
 */
export async function findAll(
  query: Query,
  onePage: (page: { first: number; after?: string }) => ReturnType<typeof readPage>,
): Promise<FoundItem[]> {
  const limit = query.limit ?? PAGE;
  const found = new Map<string, FoundItem>();
  let after: string | undefined;
  while (found.size < limit) {
    const first = Math.min(PAGE, limit - found.size);
    const { items, next } = await onePage({ first, ...(after === undefined ? {} : { after }) });
    for (const item of items) if (found.size < limit) found.set(item.id, item);
    if (next === undefined) break;
    after = next;
  }
  return [...found.values()];
}

/** Reads an item's data; a single attempt. */
export const readData = async (gateway: Unit, id: string, budget: Budget): Promise<Uint8Array> =>
  (await askData(gateway, id, budget)).bytes;

/** How every WebAssembly module begins. */
const WASM = [0x00, 0x61, 0x73, 0x6d];

/**
 * Reads the bytes of a module; a single attempt. A gateway that answers with something else, such as a page, does not serve them.
 *
 * @throws UnitError MODULE_NOT_SERVED for bytes that are neither WebAssembly nor served as Lua
 */
export async function readModule(gateway: Unit, id: string, budget: Budget): Promise<Uint8Array> {
  const { status, bytes, type, excerpt } = await askData(gateway, id, budget);
  if (WASM.every((byte, at) => bytes[at] === byte) || (type === LUA_TYPE && bytes.length > 0)) return bytes;
  throw new UnitError(
    {
      code: "MODULE_NOT_SERVED",
      what: `The gateway at ${gateway.url} answers with something else than the module ${id}.`,
      got: `${status} ${type || "without a type"}, ${bytes.length} bytes: ${startOf(excerpt, 100)}`.trim(),
      expected: `WebAssembly, or ${LUA_TYPE}`,
      remedy: "Check the id, and use a gateway that serves the module.",
    },
    "transient",
  );
}

async function askData(gateway: Unit, id: string, budget: Budget): Promise<Answer> {
  const answer = await gateway.ask(
    { url: `${gateway.url}/${encodeURIComponent(id)}`, headers: { accept: "*/*" } },
    budget,
  );
  if (answer.status === 202 || answer.status === 404) {
    throw new UnitError(
      {
        code: "DATA_UNKNOWN",
        what: `The gateway at ${gateway.url} does not have the data of ${id}.`,
        got: `${answer.status} ${answer.excerpt}`,
        expected: "its bytes; new data takes seconds to minutes",
        remedy: "Try again later. If the error persists, check the id and the gateway.",
      },
      "transient",
    );
  }
  if (!answer.ok) throw unitRefused(gateway.name, gateway.url, answer.status, answer.excerpt);
  return answer;
}

const tagFilters = (tags: NonNullable<Query["tags"]>) =>
  Object.entries(tags).map(([name, values]) => ({ name, values: Array.isArray(values) ? values : [values] }));
