import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { cors } from "hono/cors";
import { type ItemSigner, itemSigner } from "../ans104.ts";
import type { Evaluator } from "../evaluator.ts";
import { byDevice } from "../lua53/by-device.ts";
import { hyperbeamNode } from "../node/index.ts";
import { type NodeQuirks, REAL } from "../node/quirks.ts";
import { chain } from "../scheduler/blocks.ts";
import type { Store } from "../store/store.ts";
import { publish, type SpawnedTwice, type UnitContext } from "./context.ts";
import { computeUnit } from "./cu.ts";
import { evaluating } from "./evaluating.ts";
import { gateway } from "./gateway.ts";
import { endpoints, type Hooks, loopbackOnly } from "./http.ts";
import { monitoring } from "./monitoring.ts";
import { messengerUnit } from "./mu.ts";
import { pushing } from "./pushing.ts";
import { scheduling } from "./scheduling.ts";
import { schedulerUnit } from "./su.ts";

type UnitName = "gateway" | "mu" | "su" | "cu" | "node";
const NAMES: readonly UnitName[] = ["gateway", "mu", "su", "cu", "node"];
const KEEP_ALIVE_MILLISECONDS = 600_000;

export interface UnitsOptions extends Hooks {
  readonly store: Store;
  readonly evaluator: Evaluator;
  /** Evaluators of further devices of the HyperBEAM node, by name; a spawn chooses by the tag `execution-device`. @default none */
  readonly devices?: Readonly<Record<string, Evaluator>>;
  /** Milliseconds since 1970. Default: the machine's clock. */
  readonly clock?: { now(): number };
  /** Seconds between blocks. Default 10. */
  readonly blockSeconds?: number;
  /** Lag of the index in milliseconds, read at each query. Default: none. */
  readonly indexLag?: () => number;
  /** What a spawn that is posted twice does. @default "ruins", like the real scheduler unit */
  readonly spawnedTwice?: SpawnedTwice;
  /** How the HyperBEAM node behaves. @default like the nodes of 2025 */
  readonly node?: Partial<NodeQuirks>;
  /** Additional routes on the gateway's port, before its own. */
  readonly extra?: (app: Hono) => void;
  /** Default: nothing is logged. */
  readonly log?: (line: string) => void;
}

export interface Units {
  readonly urls: Readonly<Record<UnitName, string>>;
  readonly graphqlUrl: string;
  /** Address of the scheduler unit. */
  readonly scheduler: string;
  /** Address of the messenger unit, which a process must trust to receive pushed messages. */
  readonly authority: string;
  /** Address of the HyperBEAM node: scheduler and authority of its processes. */
  readonly nodeAddress: string;
  close(): Promise<void>;
}

/**
 * Starts the four units on loopback, on the ports in the store if they are free. Continues the unfinished work of an
 * earlier run.
 */
export async function createUnits(options: UnitsOptions): Promise<Units> {
  const { store } = options;
  const log = options.log ?? (() => {});
  const now = options.clock ? options.clock.now.bind(options.clock) : Date.now;
  const nodeKey = signerOf(store, "node");
  // What runs them is a device of the node, unless a test says otherwise.
  const devices = [...REAL.devices, ...Object.keys(options.devices ?? {})];
  const quirks: NodeQuirks = { ...REAL, devices, ...options.node };
  const context: UnitContext = {
    store,
    evaluator: byDevice(options.evaluator, options.devices ?? {}, nodeKey.address),
    chain: chain(Number(remembered(store, "genesis", () => String(now()))), options.blockSeconds ?? 10),
    messenger: signerOf(store, "messenger"),
    scheduler: signerOf(store, "scheduler"),
    repeated: options.spawnedTwice ?? "ruins",
    node: { address: nodeKey.address, deduplicates: quirks.repeated === "skipped" },
    now,
    log,
  };
  const evaluation = evaluating(context, () => pushes.kick());
  const order = scheduling(context, (process) => evaluation.wake(process));
  const pushes = pushing(context, order);
  const monitors = monitoring(context, evaluation);

  const onNode: UnitContext = { ...context, messenger: nodeKey, scheduler: nodeKey, repeated: "again" };
  const nodeOrder = scheduling(onNode, (process) => evaluation.wake(process));

  const endpoint = endpoints(options, log);
  const { indexLag } = options;
  const until = () => (indexLag ? now() - indexLag() : undefined);
  const apps: Record<UnitName, Hono> = {
    gateway: gateway(endpoint, context, until),
    mu: messengerUnit(endpoint, { scheduling: order, monitoring: monitors }),
    su: schedulerUnit(endpoint, context, order),
    cu: computeUnit(endpoint, store, evaluation, context.messenger.address),
    node: hyperbeamNode(endpoint, { context: onNode, scheduling: nodeOrder, evaluating: evaluation, quirks }),
  };
  const servers = await Promise.all(
    NAMES.map((name) =>
      listen(outer(apps[name], name === "gateway" ? options.extra : undefined), name, store),
    ),
  );
  const urls = Object.fromEntries(servers.map(({ name, url }) => [name, url])) as Record<UnitName, string>;
  await publishLocation(context, urls.su);

  for (const process of store.processIds()) evaluation.wake(process);
  pushes.kick();

  return {
    urls,
    graphqlUrl: `${urls.gateway}/graphql`,
    scheduler: context.scheduler.address,
    authority: context.messenger.address,
    nodeAddress: nodeKey.address,
    async close() {
      monitors.close();
      await Promise.all([
        evaluation.close(),
        pushes.close(),
        ...servers.map(({ server }) => closeServer(server)),
      ]);
    },
  };
}

function outer(inner: Hono, extra: ((app: Hono) => void) | undefined): Hono {
  const app = new Hono();
  loopbackOnly(app);
  extra?.(app);
  app.use(cors());
  app.route("/", inner);
  return app;
}

async function listen(
  app: Hono,
  name: UnitName,
  store: Store,
): Promise<{ name: UnitName; url: string; server: Server }> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  // A client that is busy for some seconds must not lose its kept-alive connection.
  server.keepAliveTimeout = KEEP_ALIVE_MILLISECONDS;
  const attempt = (port: number) =>
    new Promise<number>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject);
        const address = server.address();
        resolve(typeof address === "object" && address ? address.port : port);
      });
    });
  const port = await attempt(Number(store.meta(`port.${name}`) ?? 0)).catch(() => attempt(0));
  store.setMeta(`port.${name}`, String(port));
  return { name, url: `http://127.0.0.1:${port}`, server };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** Publishes the `Scheduler-Location`: clients find a scheduler's URL by the newest one that it signed. */
async function publishLocation(context: UnitContext, url: string): Promise<void> {
  const tags = Object.entries({
    "Data-Protocol": "ao",
    Variant: "ao.TN.1",
    Type: "Scheduler-Location",
    Url: url,
    "Time-To-Live": "86400000",
  }).map(([name, value]) => ({ name, value }));
  const known = context.store.meta("location");
  if (known === url) return;
  const anchor = String(context.now()).padStart(32, "0");
  publish(context, await context.scheduler.sign({ data: "1984", tags, anchor }));
  context.store.setMeta("location", url);
}

function signerOf(store: Store, name: string): ItemSigner {
  return itemSigner(
    remembered(store, `key.${name}`, () =>
      Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex"),
    ),
  );
}

function remembered(store: Store, key: string, make: () => string): string {
  const known = store.meta(key);
  if (known !== undefined) return known;
  const made = make();
  store.setMeta(key, made);
  return made;
}
