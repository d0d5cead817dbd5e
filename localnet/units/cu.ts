import { Hono } from "hono";
import type { EvaluationPoint, Store } from "../store/store.ts";
import type { EvaluationRecord } from "../types.ts";
import type { Evaluating } from "./evaluating.ts";
import { type endpoints, UnitError } from "./http.ts";

/** The compute unit: results of evaluations. */
export function computeUnit(
  endpoint: ReturnType<typeof endpoints>,
  store: Store,
  evaluating: Evaluating,
): Hono {
  const app = new Hono();
  app.get(
    "/",
    endpoint("cu.health", () => Response.json({ status: "ok", timestamp: Date.now() })),
  );

  app.get(
    "/result/:message",
    endpoint("cu.result", async ({ req }) => {
      const process = req.query("process-id");
      if (!process) throw new UnitError(422, "a process-id query parameter is required");
      return Response.json(await evaluating.result(process, req.param("message") ?? "", req.raw.signal));
    }),
  );

  app.post(
    "/dry-run",
    endpoint("cu.dryrun", async ({ req }) => {
      const process = req.query("process-id");
      if (!process) throw new UnitError(422, "a process-id query parameter is required");
      const body: unknown = await req.json().catch(() => null);
      if (body === null || typeof body !== "object")
        throw new UnitError(422, "a message is required as the body");
      return Response.json(await evaluating.dryRun(process, body as Record<string, unknown>));
    }),
  );

  app.get(
    "/results/:process",
    endpoint("cu.results", ({ req }) => {
      const { from, to, sort = "ASC", limit = "25" } = req.query();
      const start = from ? parseCursor(from) : undefined;
      const end = to ? parseCursor(to) : undefined;
      // The order within a cursor goes before the one asked for: a cursor read in the other direction would go astray.
      const order = start?.sort ?? end?.sort ?? sort;
      const size = Number(limit);
      if (!Number.isSafeInteger(size) || size < 1)
        throw new UnitError(422, "limit must be a positive number");
      const found = store.evaluations(req.param("process") ?? "", {
        ...(start ? { from: start } : {}),
        ...(end ? { to: end } : {}),
        descending: order === "DESC",
        limit: size + 1,
      });
      return Response.json({
        pageInfo: { hasNextPage: found.length > size },
        edges: found.slice(0, size).map((each) => ({ node: each.result, cursor: cursorOf(each, order) })),
      });
    }),
  );

  app.get(
    "/state/:process",
    endpoint("cu.state", async ({ req }) => {
      const { memory, last } = await evaluating.state(req.param("process") ?? "");
      return new Response(Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength), {
        headers: {
          "content-type": "application/octet-stream",
          "last-timestamp": String(last?.timestamp ?? ""),
          "last-ordinate": String(last?.nonce ?? ""),
          "last-block-height": String(last?.height ?? ""),
        },
      });
    }),
  );
  return app;
}

function cursorOf({ timestamp, ordinate, cron }: EvaluationRecord, sort: string): string {
  return btoa(JSON.stringify({ timestamp, ordinate: String(ordinate), cron: cron ?? undefined, sort }));
}

/** A cursor, or a plain timestamp. */
function parseCursor(text: string): EvaluationPoint & { sort?: string } {
  try {
    const { timestamp, ordinate, cron, sort } = JSON.parse(atob(text)) as Record<string, unknown>;
    if (timestamp === undefined) throw new Error("no cursor");
    return {
      timestamp: Number(timestamp),
      ordinate: Number(ordinate),
      cron: typeof cron === "string" ? cron : null,
      ...(typeof sort === "string" ? { sort } : {}),
    };
  } catch {
    const timestamp = Number(text);
    if (Number.isNaN(timestamp)) throw new UnitError(422, `${text} is neither a cursor nor a timestamp`);
    return { timestamp };
  }
}
