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
  /** Its own address. */
  address: string,
): Hono {
  const app = new Hono();
  app.get(
    "/",
    endpoint("cu.health", () => Response.json({ address, timestamp: Date.now() })),
  );

  app.get(
    "/result/:message",
    endpoint("cu.result", async ({ req }) => {
      const process = processIn(req.query("process-id"));
      return Response.json(await evaluating.result(process, req.param("message") ?? "", req.raw.signal));
    }),
  );

  app.post(
    "/dry-run",
    endpoint("cu.dryrun", async ({ req }) => {
      const { text, type } = { text: await req.text(), type: req.header("content-type") ?? "" };
      const body = bodyOf(text, type);
      if (body instanceof Response) return body;
      const process = processIn(req.query("process-id"));
      return Response.json(await evaluating.dryRun(process, messageIn(body)));
    }),
  );

  app.get(
    "/results/:process",
    endpoint("cu.results", ({ req }) => {
      const { from, to, sort = "ASC", limit = "25" } = req.query();
      const start = from ? parseCursor(from) : undefined;
      const end = to ? parseCursor(to) : undefined;
      // The order in a cursor overrides the requested one: reading the cursor in the other direction would be wrong.
      const order = start?.sort ?? end?.sort ?? sort;
      const size = Number(limit);
      if (sort !== "ASC" && sort !== "DESC") {
        throw invalid("sort", `Invalid enum value. Expected 'ASC' | 'DESC', received '${sort}'`);
      }
      if (Number.isNaN(size)) throw invalid("limit", "Expected number, received nan");
      const found = store.evaluations(req.param("process") ?? "", {
        ...(start ? { from: start } : {}),
        ...(end ? { to: end } : {}),
        descending: order === "DESC",
        limit: Math.max(0, Math.trunc(size) + 1),
      });
      // Failed results are dropped after the page was cut: a page with one of them may report that there is no next page.
      const shown = found.filter(({ result }) => result.Error === undefined);
      return Response.json({
        pageInfo: { hasNextPage: shown.length > size },
        edges: shown.slice(0, size).map((each) => ({ node: outboxOf(each), cursor: cursorOf(each, order) })),
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

/** Results in a list include neither their message nor their cost. */
function outboxOf({ result: { Messages, Assignments, Spawns, Output, Error: error } }: EvaluationRecord) {
  return { Messages, Assignments, Spawns, Output, ...(error === undefined ? {} : { Error: error }) };
}

/** A cursor; anything else counts as a timestamp, and is compared as a string. */
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
    // Letters come after digits.
    return { timestamp: Number.isNaN(timestamp) ? Number.MAX_SAFE_INTEGER : timestamp };
  }
}

/** The real unit's answer to a call that does not match its schema: 500, with each fault after the name of its field. */
const invalid = (name: string, fault: string) => new UnitError(500, `'${name}': ${fault}.`);

function processIn(given: string | undefined): string {
  if (given === undefined) throw invalid("processId", "Required");
  if (given === "") throw invalid("processId", "a process-id query parameter is required");
  return given;
}

/** The body, parsed by its content type; a response of the server itself if it cannot be parsed. */
function bodyOf(text: string, type: string): unknown {
  const refuse = (status: number, error: string, code: string, message: string) =>
    Response.json({ statusCode: status, code, error, message }, { status });
  if (/^text\/plain\b/.test(type)) return text;
  if (!/^application\/json\b/.test(type)) {
    if (text === "") return undefined;
    return refuse(
      415,
      "Unsupported Media Type",
      "FST_ERR_CTP_INVALID_MEDIA_TYPE",
      `Unsupported Media Type${type === "" ? "" : `: ${type}`}`,
    );
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    const code = text === "" ? "FST_ERR_CTP_EMPTY_JSON_BODY" : "FST_ERR_CTP_INVALID_JSON_BODY";
    const message = "Body is not valid JSON but content-type is set to 'application/json'";
    return refuse(400, "Bad Request", code, message);
  }
}

/** A message for a dry run; unknown fields are kept. */
function messageIn(body: unknown): Record<string, unknown> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw invalid("dryRun", body === undefined ? "Required" : `Expected object, received ${kindOf(body)}`);
  }
  const message = body as Record<string, unknown>;
  const faults = ["Id", "Signature", "Owner", "Target", "Anchor"].flatMap((name) => {
    const value = message[name];
    return value === undefined || value === null || typeof value === "string"
      ? []
      : [`'${name}': Expected string, received ${kindOf(value)}.`];
  });
  const { Tags: tags } = message;
  if (tags !== undefined && tags !== null) {
    if (!Array.isArray(tags)) faults.push(`'Tags': Expected array, received ${kindOf(tags)}.`);
    else faults.push(...tags.flatMap(faultsOfTag));
  }
  if (faults.length > 0) throw new UnitError(500, faults.join(" | "));
  return message;
}

function faultsOfTag(tag: unknown): string[] {
  if (typeof tag !== "object" || tag === null) return [`'Tags': Expected object, received ${kindOf(tag)}.`];
  return ["name", "value"].flatMap((key) => {
    const value = (tag as Record<string, unknown>)[key];
    if (typeof value === "string") return [];
    return [`'Tags': ${value === undefined ? "Required" : `Expected string, received ${kindOf(value)}`}.`];
  });
}

const kindOf = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
