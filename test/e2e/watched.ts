import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { connectLegacy } from "../../src/ao/legacy/connect.ts";
import { endpointsOf } from "../../src/ao/legacy/endpoints.ts";
import { loadWallet } from "../../src/ao/wallet.ts";
import { store as bundles } from "../../src/bundler/index.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { sha256 } from "../../src/core/hash.ts";
import { composeProgram } from "../../src/fleet/code/program.ts";
import { historyOf } from "../../src/fleet/history.ts";
import { type Alert, isOpen } from "../../src/monitor/alert-book.ts";
import { readSettings } from "../../src/monitor/settings.ts";
import { type MonitorStore, openStore } from "../../src/monitor/store.ts";
import { storePath } from "../../src/operations/observe/files.ts";
import { type Monitor, monitorOf, type RoundResult } from "../../src/operations/observe/monitor.ts";
import { type MetricsServer, serveMetrics } from "../../src/operations/observe/server.ts";
import { openFleet } from "../../src/operations/workspace/open-fleet.ts";
import { turnedClock } from "../monitor/clock.ts";
import { networkOf, ownerOf, processOf } from "../rollback/fleet.ts";
import { Faults, startFaultProxy } from "../simnet/index.ts";
import { placeOf, showPage } from "./page.ts";
import type { Project } from "./project.ts";

const INTERVAL = 30_000;

/** A deployed fleet on the embedded network with all its observers: monitor, metrics endpoint, dashboard, a page in a browser. */
export interface WatchedFleet {
  /** Breaks the network for all observers; the returned function repairs it. */
  breaks(fault: Parameters<Faults["add"]>[0]): () => void;
  /** Delays each of the monitor's requests to a process by some milliseconds, until the returned function is called. */
  slows(processId: string, ms: number): () => void;
  readonly store: MonitorStore;
  readonly page: Page;
  idOf(member: string): string;
  /** One round, then the monitor's interval passes. */
  round(): Promise<RoundResult>;
  /** The monitor's open alerts, as `TYPE source`. */
  open(): string[];
  /** The newest alert of a type and source. */
  alert(type: string, source: string): Alert | undefined;
  /** The value of a metric, by the start of its line, as the endpoint serves it; undefined without such a line. */
  metric(start: string): Promise<number | undefined>;
  /** A message by the owner, who does not wait for its result. */
  send(member: string, action: string, data?: object): Promise<void>;
  /** The owner loads other code by hand, or the deployed code again. */
  loadByHand(member: string, change?: (source: string) => string): Promise<void>;
  close(): Promise<void>;
}

/** Watches a project's deployed fleet. Time passes only as the test says, so that a busy machine is not a slow process. */
export async function watchFleet(project: Project, settings: string): Promise<WatchedFleet> {
  const undo: (() => unknown)[] = [];
  const network = await networkOf(project);
  const { gatewayUrl: gateway, muUrl: mu, cuUrl: cu, suUrl: su } = network;
  // A separate connection for each observer: the page's requests are not the monitor's.
  const [faults, pageFaults] = [new Faults(), new Faults()];
  const proxy = await startFaultProxy({ gateway, mu, cu, su }, faults);
  const pageProxy = await startFaultProxy({ gateway, mu, cu, su }, pageFaults);
  undo.push(() => proxy.close());
  undo.push(() => pageProxy.close());
  const { env, workspace } = placeOf(project);
  const opened = await openFleet(workspace, "dev", { journal: "discard", note: () => {} });
  undo.push(() => opened.close());
  const wallet = await loadWallet({ path: join(project.dir, ".fleet/dev-wallet.json") });
  const { journal } = opened.session;
  const by = ({ urls }: typeof proxy) => {
    const endpoints = {
      ...endpointsOf(opened.session.network),
      gatewayUrl: urls.gateway,
      graphqlUrl: `${urls.gateway}/graphql`,
      muUrl: urls.mu,
      cuUrl: urls.cu,
    };
    const ao = connectLegacy({ endpoints, wallet, journal, limits: { firstRead: 0 } });
    return { ...opened, session: { ...opened.session, ao }, suUrl: urls.su };
  };
  const [fleet, pageFleet] = [by(proxy), by(pageProxy)];

  const store = openStore(storePath(fleet.session.scope));
  undo.push(() => store.close());
  const clock = turnedClock();
  const monitor: Monitor = await monitorOf({
    ...{ fleet, store, clock, env },
    settings: readSettings(settings, "monitoring.yaml", env),
    history: historyOf(fleet, 10),
    commits: async () => [],
    lanes: 1,
  });
  let latest: RoundResult | undefined;
  const server: MetricsServer = await serveMetrics(
    { metrics: monitor.metrics, latest: () => latest?.report, fresh: () => latest !== undefined },
    0,
  );
  undo.push(() => server.close());

  const shown = await showPage(project, pageFleet, {
    ...{ fleet: async () => pageFleet, height: 900, everySeconds: 0.2, allowActions: false },
  });
  undo.push(() => shown.close());
  const { page } = shown;
  await page.goto(`${shown.url}#/alerts`);
  await page.waitForSelector("#alerts-title");

  return {
    ...{ store, page },
    breaks(fault) {
      const heals = [faults.add(fault), pageFaults.add(fault)];
      return () => {
        for (const heal of heals) heal();
      };
    },
    slows: (id, ms) =>
      faults.add({
        on: "cu.dryrun",
        match: ({ processId }) => processId === id,
        fault: {
          kind: "delay",
          ms() {
            clock.measure(ms);
            return 0;
          },
        },
      }),
    idOf: (member) => processOf(project, member),
    async round() {
      latest = await monitor.round();
      clock.pass(INTERVAL);
      return latest;
    },
    open: () =>
      store
        .book()
        .alerts.filter(isOpen)
        .map(({ type, source }) => `${type} ${source}`),
    alert: (type, source) =>
      store.book().alerts.findLast((each) => each.type === type && each.source === source),
    async metric(start) {
      const text = await (await fetch(`${server.url}/metrics`)).text();
      const line = text.split("\n").find((each) => each.startsWith(start));
      return line === undefined ? undefined : Number(line.split(" ").at(-1));
    },
    async send(member, action, data = {}) {
      const intent = `test/${randomUUID()}`;
      const message = { intent, processId: processOf(project, member), tags: { Action: action } };
      await opened.session.ao.send({ ...message, data: JSON.stringify(data) }, budgetOf(30));
    },
    async loadByHand(member, change = (source) => source) {
      const { processes } = project.json<{
        processes: Record<string, { sourceHash: string; version: string; processId: string }>;
      }>("build/deployment-manifest.json");
      const { sourceHash = "", version = "" } = processes[member] ?? {};
      const deployed = (await bundles(join(project.dir, ".fleet/bundles")).get(sourceHash))?.text ?? "";
      const text = change(deployed);
      const marker = { process: member, release: "by-hand", sourceHash: sha256(text), version, epoch: 1 };
      const owner = await ownerOf(project);
      await owner.run(processOf(project, member), composeProgram(text, marker).text);
    },
    async close() {
      for (const step of undo.reverse()) await step();
    },
  };
}
