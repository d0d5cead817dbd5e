import { buildSchema, type ExecutionResult, graphql } from "graphql";
import type { Chain } from "../scheduler/blocks.ts";
import { FIRST_HEIGHT } from "../scheduler/blocks.ts";
import type { ItemQuery, Store } from "../store/store.ts";
import { type ItemRecord, tagValue } from "../types.ts";

const schema = buildSchema(`
  enum TagOperator { EQ NEQ }
  enum SortOrder { HEIGHT_ASC HEIGHT_DESC INGESTED_AT_ASC INGESTED_AT_DESC }
  input TagFilter { name: String! values: [String!]! op: TagOperator = EQ }
  input BlockFilter { min: Int max: Int }
  type Query {
    transaction(id: ID!): Transaction
    transactions(
      ids: [ID!] owners: [String!] recipients: [String!] tags: [TagFilter!] bundledIn: [ID!] block: BlockFilter
      first: Int = 10 after: String sort: SortOrder = HEIGHT_DESC
    ): TransactionConnection!
    block(id: String height: Int): Block
    blocks(ids: [ID!] height: BlockFilter first: Int = 10 after: String sort: SortOrder = HEIGHT_DESC): BlockConnection!
  }
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type TransactionConnection { pageInfo: PageInfo! count: String! edges: [TransactionEdge!]! }
  type TransactionEdge { cursor: String! node: Transaction! }
  type BlockConnection { pageInfo: PageInfo! edges: [BlockEdge!]! }
  type BlockEdge { cursor: String! node: Block! }
  type Transaction {
    id: ID! anchor: String! signature: String! recipient: String! owner: Owner! fee: Amount! quantity: Amount!
    data: MetaData! tags: [Tag!]! block: Block parent: Parent bundledIn: Parent ingested_at: Int
  }
  type Owner { address: String! key: String! }
  type Amount { winston: String! ar: String! }
  type MetaData { size: String! type: String }
  type Tag { name: String! value: String! }
  type Block { id: ID! timestamp: Int! height: Int! previous: ID! }
  type Parent { id: ID! }
`);

interface TransactionsArguments {
  ids?: string[];
  owners?: string[];
  recipients?: string[];
  tags?: { name: string; values: string[]; op?: "EQ" | "NEQ" }[];
  block?: { min?: number; max?: number };
  first: number;
  after?: string;
  sort: string;
}

interface BlocksArguments {
  height?: { min?: number; max?: number };
  first: number;
  after?: string;
  sort: string;
}

/** Answers gateway queries from the store. `until`: items newer than this (ms) are not indexed yet. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: the resolvers of one schema, each of them short.
export function gatewayQueries(input: {
  store: Store;
  chain: Chain;
  now(): number;
  until(): number | undefined;
}) {
  const { store, chain } = input;

  const block = (height: number) => {
    const { id, timestamp, previous } = chain.block(height);
    return { id, height, previous, timestamp: Math.floor(timestamp / 1000) };
  };
  const nothing = { winston: "0", ar: "0.000000000000" };
  const transaction = (item: ItemRecord) => ({
    ...{
      id: item.id,
      anchor: item.anchor,
      signature: item.signature,
      recipient: item.target,
      tags: item.tags,
    },
    owner: { address: item.owner, key: item.ownerKey },
    ...{ fee: nothing, quantity: nothing, parent: null, bundledIn: null },
    data: { size: String(item.dataSize), type: tagValue(item.tags, "Content-Type") ?? null },
    block: () => block(item.height),
    ingested_at: Math.floor(item.timestamp / 1000),
  });

  const root = {
    transaction({ id }: { id: string }) {
      const until = input.until();
      const [found] = store.findItems({
        ids: [id],
        limit: 1,
        ...(until === undefined ? {} : { until }),
      }).items;
      return found ? transaction(found) : null;
    },
    transactions(given: TransactionsArguments) {
      const until = input.until();
      const query: ItemQuery = {
        ...(given.ids ? { ids: given.ids } : {}),
        ...(given.owners ? { owners: given.owners } : {}),
        ...(given.recipients ? { recipients: given.recipients } : {}),
        tags: (given.tags ?? []).map(({ name, values, op }) => ({ name, values, not: op === "NEQ" })),
        ...(given.block?.min === undefined ? {} : { minHeight: given.block.min }),
        ...(given.block?.max === undefined ? {} : { maxHeight: given.block.max }),
        ...(until === undefined ? {} : { until }),
        ...(given.after ? { after: given.after } : {}),
        ascending: given.sort.endsWith("_ASC"),
        limit: Math.min(Math.max(given.first, 1), 1000),
      };
      const { items, hasMore } = store.findItems(query);
      return {
        pageInfo: { hasNextPage: hasMore, endCursor: items.at(-1)?.cursor ?? null },
        count: () => String(store.countItems(query)),
        edges: items.map((item) => ({ cursor: item.cursor, node: transaction(item) })),
      };
    },
    block({ height }: { height?: number }) {
      return block(height ?? chain.heightAt(input.now()));
    },
    blocks({ height, first, after, sort }: BlocksArguments) {
      const ascending = sort.endsWith("_ASC");
      const low = Math.max(height?.min ?? FIRST_HEIGHT, FIRST_HEIGHT);
      const high = Math.min(height?.max ?? Number.MAX_SAFE_INTEGER, chain.heightAt(input.now()));
      const step = ascending ? 1 : -1;
      const start = after === undefined ? (ascending ? low : high) : Number(after) + step;
      const edges = [];
      let at = start;
      for (; at >= low && at <= high && edges.length < Math.min(first, 1000); at += step) {
        edges.push({ cursor: String(at), node: block(at) });
      }
      return {
        pageInfo: { hasNextPage: at >= low && at <= high, endCursor: edges.at(-1)?.cursor ?? null },
        edges,
      };
    },
  };

  return (request: {
    query?: unknown;
    variables?: unknown;
    operationName?: unknown;
  }): Promise<ExecutionResult> =>
    graphql({
      schema,
      rootValue: root,
      source: String(request.query ?? ""),
      ...(request.variables && typeof request.variables === "object"
        ? { variableValues: request.variables as Record<string, unknown> }
        : {}),
      ...(typeof request.operationName === "string" ? { operationName: request.operationName } : {}),
    });
}
