import { type Context, Hono } from "hono";
import { isSigned, type ParsedItem, parseItem } from "../ans104.ts";
import { bodyUpTo, type endpoints, UnitError } from "./http.ts";
import type { Monitoring } from "./monitoring.ts";
import { kindOf, type Scheduling } from "./scheduling.ts";

/** Largest body that the messenger accepts, in megabytes, as on the real one. */
const MAX_MEGABYTES = 10;

/** The messenger unit: accepts signed items and assignments. */
export function messengerUnit(
  endpoint: ReturnType<typeof endpoints>,
  parts: { scheduling: Scheduling; monitoring: Monitoring },
): Hono {
  const app = new Hono();
  app.get(
    "/",
    endpoint("mu.health", (context) => context.text("ao messenger unit")),
  );

  const postItem = endpoint("mu.post", async (context) => {
    const item = await signedItem(context);
    if (item instanceof Response) return item;
    kindOf(item);
    await parts.scheduling.schedule(item);
    return Response.json({ message: "Processing DataItem", id: item.id }, { status: 202 });
  });

  const postAssignment = endpoint("mu.assign", async (context) => {
    const { "process-id": process, assign, exclude } = context.req.query();
    if (!process || !assign) {
      throw new UnitError(400, "You must set both process-id and assign to send an assignment, not just one");
    }
    const { id } = await parts.scheduling.assign(process, assign, exclude ? exclude.split(",") : []);
    return Response.json({ message: "Processing Assignment", id }, { status: 202 });
  });

  app.post("/", (context, next) => {
    const { "process-id": process, assign } = context.req.query();
    return (process || assign ? postAssignment : postItem)(context, next);
  });

  app.post(
    "/monitor/:process",
    endpoint("mu.monitor", async (context) => {
      const item = await signedItem(context);
      if (item instanceof Response) return item;
      parts.monitoring.start(item.target);
      return context.text("Monitoring process");
    }),
  );
  app.delete(
    "/monitor/:process",
    endpoint("mu.unmonitor", async (context) => {
      const item = await signedItem(context);
      if (item instanceof Response) return item;
      parts.monitoring.stop(item.target);
      return context.text("Process deleted");
    }),
  );
  return app;
}

/** The body as a data item with a valid signature. */
export async function signedItem(
  context: Context,
  megabytes = MAX_MEGABYTES,
): Promise<ParsedItem | Response> {
  const body = await bodyUpTo(context, megabytes);
  if (body instanceof Response) return body;
  // A body with another content type is not read.
  const isBinary = /^application\/octet-stream\b/.test(context.req.header("content-type") ?? "");
  if (!isBinary || !(await isSigned(body))) {
    throw new UnitError(500, "'body': A valid and signed data item must be provided as the body.");
  }
  return parseItem(body);
}
