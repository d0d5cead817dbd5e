import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { FleetError } from "../../core/errors.ts";
import type { Metrics } from "../../monitor/metrics.ts";
import type { Report } from "../../monitor/report.ts";

/** What the endpoints serve. */
interface Shown {
  readonly metrics: Metrics;
  /** The latest round; undefined before the first. */
  latest(): Report | undefined;
  /** Whether rounds are still on time. */
  fresh(): boolean;
}

/** A running endpoint. */
export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves `/metrics` for Prometheus, `/report` as JSON and `/healthz`, on loopback only.
 *
 * @param port TCP port; 0 for any free port
 * @throws FleetError PORT_TAKEN
 */
export async function serveMetrics(shown: Shown, port: number): Promise<MetricsServer> {
  const app = new Hono();
  // DNS rebinding: a page in a browser must not read it under its own host name.
  app.use(async (context, next) => {
    const { hostname } = new URL(context.req.url);
    if (hostname !== "127.0.0.1" && hostname !== "localhost") return context.text("loopback only\n", 403);
    return next();
  });
  app.get("/metrics", async (context) =>
    context.text(await shown.metrics.registry.metrics(), 200, {
      "content-type": shown.metrics.registry.contentType,
    }),
  );
  app.get("/report", (context) => {
    const report = shown.latest();
    return report ? context.json(report) : context.json({ error: "no round yet" }, 503);
  });
  app.get("/healthz", (context) => (shown.fresh() ? context.text("ok\n") : context.text("no round\n", 503)));
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, port, hostname: "127.0.0.1" }, ({ port: bound }: AddressInfo) =>
      resolve({
        url: `http://127.0.0.1:${bound}`,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            if ("closeAllConnections" in server) server.closeAllConnections();
          }),
      }),
    );
    server.on("error", (error) =>
      reject(
        new FleetError(
          {
            code: "PORT_TAKEN",
            what: `Cannot listen on port ${port}.`,
            got: error.message,
            expected: "a free port on 127.0.0.1",
            remedy: "Choose another port: --metrics-port <port>; or stop the program that uses it.",
          },
          { cause: error },
        ),
      ),
    );
  });
}
