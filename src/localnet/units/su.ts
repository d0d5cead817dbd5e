import { Hono } from "hono";
import { paddedHeight } from "../scheduler/order.ts";
import type { Assignment, ItemRecord } from "../types.ts";
import type { UnitContext } from "./context.ts";
import { type endpoints, UnitError } from "./http.ts";
import { asText } from "./message.ts";
import { signedItem } from "./mu.ts";
import { placeIn, QueryRefused, schedulerQuery } from "./query.ts";
import { assignmentShownFor, type Scheduling } from "./scheduling.ts";

/** Entries per answer if the call has no `limit`. */
const PAGE = 100;

/** The parameters of a range call; others are ignored. */
const RANGE = ["process-id", "from", "to", "limit", "from-nonce", "to-nonce", "show-anchor"] as const;

/** The scheduler unit: shows each process' order, and is as strict about calls as the real one. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: the list of the unit's routes, each of them short.
export function schedulerUnit(
  endpoint: ReturnType<typeof endpoints>,
  context: UnitContext,
  scheduling: Scheduling,
): Hono {
  const { store } = context;
  const app = new Hono();
  const notFound = () => new UnitError(400, "Message or Process not found");
  const strict: typeof endpoint = (name, handler) =>
    endpoint(name, async (request) => {
      try {
        return await handler(request);
      } catch (error) {
        if (error instanceof QueryRefused) return error.response();
        throw error;
      }
    });

  app.get(
    "/",
    endpoint("su.health", () =>
      Response.json({ timestamp: String(context.now()), address: context.scheduler.address }),
    ),
  );
  app.post(
    "/",
    endpoint("su.post", async (request) => {
      // Only messenger units may post; they are identified by the proxy in front.
      if (request.req.header("x-real-ip") === undefined) throw new UnitError(400, "Access denied");
      const item = await signedItem(request);
      if (item instanceof Response) return item;
      const { timestamp } = await scheduling.schedule(item);
      return Response.json({ timestamp, id: item.id });
    }),
  );
  app.get(
    "/timestamp",
    endpoint("su.timestamp", () => {
      const now = context.now();
      return Response.json({
        timestamp: String(now),
        block_height: paddedHeight(context.chain.heightAt(now)),
      });
    }),
  );
  app.get(
    "/health",
    endpoint("su.health", () => new Response(null)),
  );
  app.get(
    "/processes/:process",
    endpoint("su.process", (request) => {
      const id = request.req.param("process") ?? "";
      const item = store.process(id) && store.item(id);
      if (!item) throw new UnitError(400, 'NotFound("Process not found")');
      return Response.json({
        ...messageJson(store.data(id), item),
        id: undefined,
        process_id: id,
        block: paddedHeight(item.height),
        timestamp: item.timestamp,
      });
    }),
  );
  app.get(
    "/:process/latest",
    endpoint("su.latest", (request) => {
      const last = store.lastAssignment(request.req.param("process") ?? "");
      // The spawn is not counted as a message: a process without messages has no latest one.
      if (last === undefined || last.nonce === 0) throw new UnitError(400, "Latest message not available");
      return Response.json(node(context, last));
    }),
  );
  app.get(
    "/:id",
    strict("su.read", (request) => {
      const id = request.req.param("id") ?? "";
      const query = schedulerQuery(request.req.url, RANGE, ["process-id"]);
      const one = assignmentShownFor(store, id);
      if (one) return Response.json(node(context, one));
      if (store.process(id) === undefined) throw notFound();
      return Response.json(orderOf(context, id, query));
    }),
  );
  return app;
}

/**
 * A part of a process' order. Nonces take precedence over times; the start of a range is exclusive and its end inclusive. The spawn
 * is included only if there is no start, or if it is the nonce -1.
 */
function orderOf(context: UnitContext, process: string, query: Readonly<Record<string, string>>) {
  const [fromNonce, toNonce] = [placeIn(query["from-nonce"], 32), placeIn(query["to-nonce"], 32)];
  const byNonce = fromNonce !== undefined || toNonce !== undefined;
  const [from, to] = byNonce ? [] : [placeIn(query.from, 64), placeIn(query.to, 64)];
  const first = byNonce ? fromNonce : from;
  const withSpawn = first === undefined || (byNonce && first === -1);
  const limit = Number(query.limit ?? PAGE);
  const messages = context.store.assignments(process, {
    fromNonce: Math.max(1, (fromNonce ?? 0) + 1),
    ...(toNonce === undefined ? {} : { toNonce }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    limit: Math.max(0, withSpawn ? limit : limit + 1),
  });
  const spawn = withSpawn ? context.store.assignments(process, { toNonce: 0, limit: 1 }) : [];
  const shown = [...spawn, ...messages].slice(0, Math.max(limit, spawn.length));
  return {
    page_info: { has_next_page: spawn.length + messages.length > shown.length },
    edges: shown.map((each) => ({
      node: node(context, each),
      cursor: String(byNonce ? each.nonce : each.timestamp),
    })),
  };
}

/** A message with its assignment. An assigned item has no message here: it is read from the gateway. */
function node({ store }: UnitContext, assignment: Assignment) {
  const message = assignment.assigned ? undefined : store.item(assignment.message);
  const signed = store.item(assignment.id);
  return {
    message: message ? messageJson(store.data(assignment.message), message) : null,
    assignment: signed ? { ...messageJson(undefined, signed), data: undefined } : null,
  };
}

function messageJson(data: Uint8Array | undefined, item: ItemRecord) {
  return {
    id: item.id,
    owner: { address: item.owner, key: item.ownerKey },
    data: data === undefined ? null : (asText(data) ?? null),
    tags: item.tags,
    signature: item.signature,
    anchor: item.anchor || null,
    target: item.target || null,
  };
}
