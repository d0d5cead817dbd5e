import { type Context, type Handler, Hono } from "hono";
import { isSigned, type ParsedItem, parseItem } from "../ans104.ts";
import { type Assignment, type Tag, tagValue } from "../types.ts";
import type { UnitContext } from "../units/context.ts";
import type { Evaluating } from "../units/evaluating.ts";
import { type endpoints, UnitError } from "../units/http.ts";
import { patchedState, patchedStateAt } from "../units/patches.ts";
import type { Scheduling } from "../units/scheduling.ts";
import { encoded, enveloped, NodeError, refused, tabled, valued } from "./answers.ts";
import { deliveryOf } from "./delivery.ts";
import { nodeInfo } from "./info.ts";
import { type NodePath, nodePath, type Segment } from "./path.ts";
import { charge } from "./payment.ts";
import { postsOf } from "./posts.ts";
import type { NodeQuirks } from "./quirks.ts";
import { requireDevice, requireRunnable } from "./runnable.ts";
import { resultJson, resultText, slotJson, tree } from "./shapes.ts";

/** Slots per page of a schedule. */
const PAGE = 1000;

/** Names of tags that a node cannot encode, or takes for its own. */
const BREAKS_MESSAGE = /[.+ ]|^(?:device|priv|signature)$/;

interface NodeParts {
  /** With the node's own key as scheduler and messenger. */
  readonly context: UnitContext;
  readonly scheduling: Scheduling;
  readonly evaluating: Evaluating;
  readonly quirks: NodeQuirks;
}

/**
 * The HyperBEAM node of the embedded network: the routes that a deployer and aoconnect use, over the same store and evaluator
 * as the legacy units. Its address is the scheduler and the authority of its processes.
 */
export function hyperbeamNode(endpoint: ReturnType<typeof endpoints>, parts: NodeParts): Hono {
  const node = new Node(parts);
  const route = (name: string, handler: (context: Context, path: NodePath) => Promise<Response> | Response) =>
    endpoint(`node.${name}`, async (context) => {
      try {
        const path = nodePath(context.req.url);
        if (path === undefined) throw new NodeError(400, "The path is not valid.");
        return await handler(context, path);
      } catch (error) {
        if (error instanceof NodeError) return refused(context, parts.quirks, error);
        if (error instanceof UnitError)
          return refused(context, parts.quirks, new NodeError(error.status, error.message));
        throw error;
      }
    });
  const routes = {
    push: route("push", node.push),
    schedule: route("schedule", node.schedule),
    order: route("order", node.order),
    slot: route("slot", node.slot),
    compute: route("compute", node.compute),
    dryrun: route("dryrun", node.dryRun),
    meta: route("meta", node.meta),
    item: route("item", node.item),
  };
  const app = new Hono();
  app.all("*", (context, next) => {
    const path = nodePath(context.req.url);
    return routes[path === undefined ? "item" : routeOf(context.req.method, path)](
      context,
      next,
    ) as ReturnType<Handler>;
  });
  return app;
}

type RouteName = "push" | "schedule" | "order" | "slot" | "compute" | "dryrun" | "meta" | "item";

function routeOf(method: string, { first, device, rest }: NodePath): RouteName {
  if (device === "meta@1.0") return "meta";
  const key = first === "push" ? "push" : rest[0]?.key;
  if (key === "push") return "push";
  if (key === "schedule") return method === "POST" ? "schedule" : "order";
  if (key === "slot") return "slot";
  if (key === "as") return "dryrun";
  return key === "compute" || key === "now" ? "compute" : "item";
}

class Node {
  readonly #parts: NodeParts;
  readonly #post: ReturnType<typeof postsOf>;
  readonly #deliver: ReturnType<typeof deliveryOf>;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    this.#post = postsOf(parts.scheduling, parts.quirks);
    const { context, evaluating, scheduling } = parts;
    this.#deliver = deliveryOf({ context, evaluating, schedule: (item) => scheduling.schedule(item) });
  }

  /** Gives an item its slot, and nothing else. */
  schedule = async (context: Context): Promise<Response> => {
    const { slot, item } = await this.#place(context);
    return encoded(context, this.#parts.quirks, this.#placed(slot, item), item);
  };

  /** Gives an item its slot, evaluates it, and delivers what follows from it, before it answers. */
  push = async (context: Context, path: NodePath): Promise<Response> => {
    const earlier = path.rest[0]?.parameters.slot;
    if (path.process !== undefined && earlier !== undefined) {
      return encoded(context, this.#parts.quirks, await this.#pushed(context, path.process, Number(earlier)));
    }
    const { slot, item } = await this.#place(context);
    const placed = this.#placed(slot, item);
    if (item.target === "") return encoded(context, this.#parts.quirks, placed, item);
    const { body } = await this.#pushed(context, item.target, slot);
    return encoded(context, this.#parts.quirks, { ...placed, body: { ...placed.body, ...body } }, item);
  };

  async #pushed(context: Context, process: string, slot: number) {
    const { store } = this.#parts.context;
    try {
      requireRunnable(this.#parts.quirks, store.process(process));
      const delivered = await this.#deliver(process, slot, context.req.raw.signal);
      return { body: { process, slot, ...tree(delivered) } };
    } catch (error) {
      if (error instanceof UnitError) throw error;
      // The slot is taken nevertheless.
      throw new NodeError(500, error instanceof Error ? error.message : String(error));
    }
  }

  async #place(context: Context): Promise<{ slot: number; item: ParsedItem }> {
    const bytes = new Uint8Array(await context.req.arrayBuffer());
    if (!/^application\/ans104\b/.test(context.req.header("content-type") ?? "") || bytes.length === 0) {
      throw new NodeError(400, "Message is not valid.");
    }
    if (!(await isSigned(bytes))) throw new NodeError(500, "");
    const item = parseItem(bytes);
    const isProcess = item.tags.some(({ name, value }) => name === "Type" && value === "Process");
    // A process says by a tag of that name that it is one.
    checkNames(item.tags.filter(({ name }) => !isProcess || name.toLowerCase() !== "device"));
    if (!isProcess) this.#requireProcess(item.target);
    charge(this.#parts.quirks, item.owner);
    const { nonce } = await this.#post(item);
    return { slot: nonce, item };
  }

  #placed(slot: number, { id, target }: ParsedItem) {
    const process = target || id;
    const [entry] = this.#parts.context.store.assignments(process, {
      fromNonce: slot,
      toNonce: slot,
      limit: 1,
    });
    const { timestamp = 0, height = 0, hashChain = "" } = entry ?? {};
    const scalars = { process, slot, timestamp, "block-height": height, "hash-chain": hashChain };
    const headers = Object.fromEntries(Object.entries(scalars).map(([name, value]) => [name, String(value)]));
    return { headers, body: scalars };
  }

  /** The schedule of a process, page by page. */
  order = (_: Context, { query, process }: NodePath): Response => {
    const id = query.target ?? process ?? "";
    this.#requireProcess(id);
    const { store } = this.#parts.context;
    const entries: Assignment[] = store.assignments(id, {
      fromNonce: Number(query.from ?? 0),
      ...(query.to === undefined ? {} : { toNonce: Number(query.to) }),
      limit: PAGE + 1,
    });
    const hasMore = entries.length > PAGE || this.#parts.quirks.endlessPages;
    return Response.json({
      page_info: { process: id, has_next_page: hasMore },
      edges: entries.slice(0, PAGE).map((entry) => slotJson(this.#parts.context, entry)),
    });
  };

  slot = (context: Context, { process = "" }: NodePath): Response => {
    this.#requireProcess(process);
    return valued(context, this.#parts.context.store.lastAssignment(process)?.nonce ?? 0);
  };

  /** The result of a slot, or a key of the state that the process publishes. */
  compute = async (context: Context, { process = "", rest }: NodePath): Promise<Response> => {
    this.#requireProcess(process);
    const { store } = this.#parts.context;
    const [stage, ...keys] = rest;
    const last = store.lastAssignment(process)?.nonce ?? 0;
    const slot = stage?.value === undefined ? last : Number(stage.value);
    if (!Number.isInteger(slot) || slot < 0 || slot > last) {
      const reason = "Requested slot not yet available in schedule.";
      return Response.json({ reason, "attempted-slot": slot }, { status: 404 });
    }
    // Without a slot, `compute` serves what was computed last, which may be older than the schedule.
    const isCached = stage?.key === "compute" && stage.value === undefined;
    const at = isCached ? Math.max(0, store.lastEvaluated(process)) : slot;
    requireRunnable(this.#parts.quirks, store.process(process));
    const result = await this.#parts.evaluating.resultAt(process, at, context.req.raw.signal);
    if (keys[0]?.key === "results")
      return this.#result(context, keys.slice(1), resultJson(result), resultText(result));
    const state = at === last ? patchedState(store, process) : patchedStateAt(store, process, at);
    return this.#value(context, keys, { ...state, "at-slot": at, device: "process@1.0" });
  };

  #result(context: Context, keys: readonly Segment[], json: object, text: string): Response {
    const { results } = this.#parts.quirks;
    const path = keys.map(({ key }) => key).join("/");
    if (path === "data") return valued(context, text);
    if (path === "raw" && results !== "json") return enveloped({ body: json });
    // The body of an answer in JSON is a string.
    if (path === "json/body" && results !== "raw") return valued(context, JSON.stringify(json));
    if (path === "") return encoded(context, this.#parts.quirks, { body: { json: { body: json } } });
    throw new NodeError(404, "Not found.");
  }

  #value(context: Context, keys: readonly Segment[], state: Readonly<Record<string, unknown>>): Response {
    let value: unknown = state;
    for (const { key } of keys) {
      if (typeof value !== "object" || value === null) throw new NodeError(404, "Not found.");
      const entry = Object.entries(value).find(([name]) => name.toLowerCase() === key.toLowerCase());
      if (entry === undefined) throw new NodeError(404, "Not found.");
      value = entry[1];
    }
    if (typeof value !== "object" || value === null)
      return valued(context, value as string | number | boolean);
    return tabled(context, this.#parts.quirks, value);
  }

  /** An evaluation that changes nothing. Its sender is always the same stranger: nodes drop the signature. */
  dryRun = async (context: Context, { process = "", rest }: NodePath): Promise<Response> => {
    this.#requireProcess(process);
    const [, stage, ...keys] = rest;
    const tags: Tag[] = Object.entries(stage?.parameters ?? {}).map(([name, value]) => ({ name, value }));
    const data = tagValue(tags, "data") ?? tagValue(tags, "Data");
    const result = await this.#parts.evaluating.dryRun(process, {
      ...{ Id: "1234", Owner: "1234", From: "1234", Tags: tags },
      ...(data === undefined ? {} : { Data: data }),
    });
    const path = keys[0]?.key === "results" ? keys.slice(1) : keys;
    return this.#result(context, path, resultJson(result), resultText(result));
  };

  meta = (context: Context, { rest }: NodePath): Response => {
    const { address } = this.#parts.context.node;
    const path = rest.map(({ key }) => key).join("/");
    if (path === "info/address") return valued(context, address);
    const build = { node: "HyperBEAM", version: "0.9", source: "embedded", "source-short": "embedded" };
    if (path === "build") return encoded(context, this.#parts.quirks, { body: build });
    if (path === "info")
      return encoded(context, this.#parts.quirks, { body: nodeInfo(address, this.#parts.quirks) });
    throw new NodeError(404, "Not found.");
  };

  /** An item that the node holds or fetches, or one of its tags; for a device, whether the node has it. */
  item = (context: Context, { first, device, rest: [tag] }: NodePath): Response => {
    const { quirks } = this.#parts;
    if (device !== undefined) {
      requireDevice(quirks, device);
      return encoded(context, quirks, { body: { device } });
    }
    const item = this.#parts.context.store.item(first);
    const isHeld = quirks.fetchesModules || tagValue(item?.tags ?? [], "Type") !== "Module";
    if (item === undefined || !isHeld) throw new NodeError(404, "Not found.");
    if (tag !== undefined) {
      const found = item.tags.find(({ name }) => name.toLowerCase() === tag.key.toLowerCase());
      if (found === undefined) throw new NodeError(404, "Not found.");
      return valued(context, found.value);
    }
    return encoded(context, quirks, { headers: { id: item.id }, body: { id: item.id } });
  };

  #requireProcess(id: string): void {
    const { store, node } = this.#parts.context;
    if (store.process(id)?.scheduler !== node.address)
      throw new NodeError(500, "necessary_message_not_found");
  }
}

/** Refuses an item whose tags a node cannot encode; it takes no slot. */
function checkNames(tags: readonly Tag[]): void {
  for (const { name } of tags) {
    const key = name.toLowerCase();
    if (key === "body") throw new NodeError(400, "Message is not valid.");
    if (key === "path") throw new NodeError(404, "Not found.");
    if (BREAKS_MESSAGE.test(key)) throw new NodeError(500, `The key ${name} cannot be encoded.`);
  }
}
