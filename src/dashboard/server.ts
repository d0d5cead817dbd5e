import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createAdaptorServer } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { secureHeaders } from "hono/secure-headers";
import { streamSSE } from "hono/streaming";
import { z } from "zod";
import { FleetError } from "../core/errors.ts";
import { escapeCharacter, UNPRINTABLE } from "../core/printable.ts";
import { redactText } from "../core/redact.ts";
import { guard, isLoopback, newToken } from "./guard.ts";
import type { FleetView, Source } from "./view.ts";
import { type Watch, watch } from "./watch.ts";

/** The options of a dashboard. */
export interface DashboardOptions {
  /** Address to listen on. Any address but loopback requires a token, and so do actions on any address. */
  readonly host: string;
  /** TCP port; 0 for any free port. */
  readonly port: number;
  /** Seconds between two reads of the fleet. */
  readonly everySeconds: number;
  /** Whether the page may change anything. */
  readonly allowActions: boolean;
}

/** A running dashboard. */
export interface Dashboard {
  /** The address to open, with the token in its fragment if there is one. */
  readonly url: string;
  close(): Promise<void>;
}

const here = dirname(fileURLToPath(import.meta.url));
const TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript",
  css: "text/css",
  svg: "image/svg+xml",
};
/** The page's own files, and the libraries that it imports, served from node_modules. */
const FILES: ReadonlyMap<string, () => string> = new Map([
  ...["app", "api", "fleet", "process", "releases", "traffic", "alerts", "ask", "elements"].map(
    (name) => [`${name}.js`, () => join(here, "page", `${name}.js`)] as const,
  ),
  ["style.css", () => join(here, "page/style.css")],
  ["preact.js", () => fileURLToPath(import.meta.resolve("preact"))],
  ["hooks.js", () => fileURLToPath(import.meta.resolve("preact/hooks"))],
  ["htm.js", () => fileURLToPath(import.meta.resolve("htm"))],
]);
/** The page shows text as commands do: the functions of `src/core/printable.ts` themselves, as a module of their own. */
const PRINTABLE = `const UNPRINTABLE = ${UNPRINTABLE};
const escapeCharacter = ${escapeCharacter};
export const printable = (text) => text.replace(UNPRINTABLE, escapeCharacter);
`;
const IMPORTS = JSON.stringify({
  imports: { preact: "/files/preact.js", "preact/hooks": "/files/hooks.js", htm: "/files/htm.js" },
});
const importsHash = `'sha256-${createHash("sha256").update(IMPORTS).digest("base64")}'`;

const ActionSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.enum(["promote", "pause", "resume", "abort"]) }),
  z.strictObject({ kind: z.literal("rollback"), to: z.string().min(1), reason: z.string().min(1).max(500) }),
  z.strictObject({ kind: z.literal("acknowledge"), alert: z.string().min(1) }),
]);
const Slot = z.coerce.number().int().min(0).optional();

/**
 * Serves the dashboard of one fleet.
 *
 * @throws FleetError DASHBOARD_PORT if the server cannot listen on the address
 */
export async function serveDashboard(source: Source, options: DashboardOptions): Promise<Dashboard> {
  const watching = watch(source, options.everySeconds, options.allowActions);
  // Without a token, any program or page on this machine could act with the stack's wallet.
  const token = options.allowActions || !isLoopback(options.host) ? newToken() : undefined;
  const server = createAdaptorServer({ fetch: pages(source, watching, options, token).fetch });
  await new Promise<void>((done, failed) => {
    server.once("error", (error) => failed(portTaken(options, error)));
    server.listen(options.port, options.host, done);
  });
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}/${token === undefined ? "" : `#token=${token}`}`,
    async close() {
      watching.close();
      if ("closeAllConnections" in server) server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

const HEADERS = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'", importsHash],
    styleSrc: ["'self'"],
    connectSrc: ["'self'"],
    imgSrc: ["'self'", "data:"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  },
  referrerPolicy: "no-referrer",
});

function pages(
  source: Source,
  watching: Watch,
  { host, allowActions }: DashboardOptions,
  token?: string,
): Hono {
  const app = new Hono();
  app.use(HEADERS);
  app.use(guard(host, token));
  app.onError((error, context) => {
    if (!(error instanceof FleetError))
      return context.json({ problems: [{ code: "INTERNAL", what: redactText(error.message) }] }, 500);
    return context.json({ problems: error.problems }, 422);
  });
  app.get("/", async (context) => {
    const page = await readFile(join(here, "page/index.html"), "utf8");
    return context.html(page.replace("IMPORTS", IMPORTS));
  });
  app.get("/files/:name", async (context) => {
    const name = context.req.param("name");
    const file = FILES.get(name)?.();
    if (file === undefined && name !== "printable.js") return context.notFound();
    context.header("content-type", `${TYPES[name.split(".").at(-1) ?? ""]}; charset=utf-8`);
    return context.body(file === undefined ? PRINTABLE : await readFile(file, "utf8"));
  });
  app.get("/api/fleet", async (context) => context.json(await watching.latest()));
  const streams = { open: 0 };
  app.get("/api/events", (context) => events(context, watching, streams));
  app.get("/api/processes/:name/messages", async (context) => {
    const before = Slot.safeParse(context.req.query("before"));
    if (!before.success) return context.json(invalid("before", "a slot number"), 400);
    return context.json(await source.messages(context.req.param("name"), before.data, 25));
  });
  app.get("/api/processes/:name/audit", async (context) =>
    context.json(await source.audit(context.req.param("name"))),
  );
  app.get("/api/difference", async (context) => {
    const { from, to } = context.req.query();
    if (!from || !to) return context.json(invalid("from, to", "two deployment ids"), 400);
    return context.json(await source.difference(from, to));
  });
  app.post("/api/actions", (context) => act(context, source, watching, allowActions));
  return app;
}

async function act(
  context: Context,
  source: Source,
  watching: Watch,
  allowActions: boolean,
): Promise<Response> {
  if (!allowActions)
    return context.json(
      {
        problems: [
          {
            code: "READ_ONLY",
            what: "The dashboard is read-only.",
            remedy: "Start it with --allow-actions.",
          },
        ],
      },
      403,
    );
  // CSRF: a form of another site cannot send this type without a preflight, which is never answered.
  if (!context.req.header("content-type")?.startsWith("application/json"))
    return context.json(invalid("content-type", "application/json"), 415);
  const action = ActionSchema.safeParse(await context.req.json().catch(() => undefined));
  if (!action.success) return context.json(invalid("action", z.prettifyError(action.error)), 400);
  const lines: string[] = [];
  await source.act(action.data, (line) => lines.push(line));
  void watching.refresh().catch(() => undefined);
  return context.json({ lines });
}

const invalid = (field: string, expected: string) => ({
  problems: [{ code: "BAD_REQUEST", what: `Invalid value for ${field}.`, expected }],
});

/** The most pages that follow the fleet at the same time: each one holds a connection and every new view. */
const MAX_STREAMS = 16;

/** Streams the present view, then every new one. A regular comment keeps proxies from closing the connection. */
function events(context: Context, watching: Watch, streams: { open: number }): Response {
  if (streams.open >= MAX_STREAMS)
    return context.json(
      {
        problems: [
          {
            code: "TOO_MANY_PAGES",
            what: "Too many pages of this dashboard are open.",
            expected: `at most ${MAX_STREAMS}`,
            remedy: "Close some of them.",
          },
        ],
      },
      503,
    );
  streams.open += 1;
  return streamSSE(context, async (stream) => {
    let next: FleetView | undefined;
    let isWriting = false;
    // A slow reader gets the newest view after the one that is being written, not all of them.
    const send = async (view: FleetView): Promise<void> => {
      next = view;
      if (isWriting) return;
      isWriting = true;
      while (next !== undefined) {
        const data = JSON.stringify(next);
        next = undefined;
        await stream.writeSSE({ event: "fleet", data });
      }
      isWriting = false;
    };
    const failed = (error: unknown) =>
      void stream.writeSSE({
        event: "problem",
        // A line feed would be a field of the event.
        data: JSON.stringify(redactText(error instanceof Error ? error.message : String(error))),
      });
    const ended = new Promise<void>((done) => stream.onAbort(done));
    const leave = watching.subscribe((view) => void send(view));
    const beat = setInterval(() => void stream.write(": here\n\n"), 15_000);
    try {
      watching.latest().then(send, failed);
      await ended;
    } finally {
      streams.open -= 1;
      clearInterval(beat);
      leave();
    }
  });
}

function portTaken({ host, port }: DashboardOptions, error: Error): FleetError {
  return new FleetError({
    code: "DASHBOARD_PORT",
    what: `The dashboard cannot listen on ${host}:${port}.`,
    got: error.message,
    expected: "a free port on an address of this machine",
    remedy: "Choose another --port, or leave it out for any free port.",
  });
}
