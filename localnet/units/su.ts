import { Hono } from "hono";
import { paddedHeight } from "../scheduler/order.ts";
import type { Assignment, ItemRecord } from "../types.ts";
import type { UnitContext } from "./context.ts";
import { type endpoints, UnitError } from "./http.ts";
import { asText } from "./message.ts";
import { signedItem } from "./mu.ts";
import type { Scheduling } from "./scheduling.ts";

const PAGE = 5000;

/** The scheduler unit: shows each process' order. */
export function schedulerUnit(
  endpoint: ReturnType<typeof endpoints>,
  context: UnitContext,
  scheduling: Scheduling,
): Hono {
  const { store } = context;
  const app = new Hono();
  const notFound = () => new UnitError(400, "Message or Process not found");

  app.get(
    "/",
    endpoint("su.health", () =>
      Response.json({ timestamp: String(context.now()), address: context.scheduler.address }),
    ),
  );
  app.post(
    "/",
    endpoint("su.post", async (request) => {
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
      return Response.json({ timestamp: now, block_height: paddedHeight(context.chain.heightAt(now)) });
    }),
  );
  app.get(
    "/processes/:process",
    endpoint("su.process", (request) => {
      const id = request.req.param("process") ?? "";
      const item = store.process(id) && store.item(id);
      if (!item) throw notFound();
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
      if (last === undefined) throw new UnitError(400, "Latest message not available");
      return Response.json(node(context, last));
    }),
  );
  app.get(
    "/:id",
    endpoint("su.read", (request) => {
      const id = request.req.param("id") ?? "";
      const query = request.req.query();
      const process = query["process-id"] ?? id;
      const isProcess = store.process(id) !== undefined;
      if (!isProcess) {
        const found = store.assignment(process, id);
        if (found === undefined) throw notFound();
        return Response.json(node(context, found));
      }
      const number = (name: string) =>
        query[name] === undefined || Number.isNaN(Number(query[name])) ? undefined : Number(query[name]);
      const limit = Math.min(number("limit") ?? PAGE, PAGE);
      const range = {
        from: number("from"),
        to: number("to"),
        fromNonce: number("from-nonce"),
        toNonce: number("to-nonce"),
      };
      const defined = Object.fromEntries(Object.entries(range).filter(([, value]) => value !== undefined));
      const found = store.assignments(id, { ...defined, limit: limit + 1 });
      return Response.json({
        page_info: { has_next_page: found.length > limit },
        edges: found
          .slice(0, limit)
          .map((each) => ({ node: node(context, each), cursor: String(each.timestamp) })),
      });
    }),
  );
  return app;
}

/** A message with its assignment. An assigned item comes without the message: it is read from the gateway. */
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
