import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openJournal } from "../../src/ao/journal/index.ts";
import { connectLegacy } from "../../src/ao/legacy/connect.ts";
import { connectMainnet, EMBEDDED_NODE } from "../../src/ao/mainnet/connect.ts";
import type { Ao, Tags } from "../../src/ao/port.ts";
import type { Wallet } from "../../src/ao/wallet.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { sha256 } from "../../src/core/hash.ts";
import type { FleetSession } from "../../src/fleet/fleet-session.ts";
import { historyOf } from "../../src/fleet/history.ts";
import type { Member } from "../../src/fleet/members/member.ts";
import { isOpen } from "../../src/monitor/alert-book.ts";
import { readSettings } from "../../src/monitor/settings.ts";
import { type MonitorStore, openStore } from "../../src/monitor/store.ts";
import { type Monitor, monitorOf, type RoundResult } from "../../src/operations/observe/monitor.ts";
import { makeWallet } from "../ao/wallets.ts";
import { type Script, type Simnet, startSimnet } from "../simnet/index.ts";
import { turnedClock } from "./clock.ts";

/** A fleet on a simulated network with a monitor, whose clock the test turns. */
export interface Watching {
  readonly net: Simnet;
  readonly fleet: FleetSession;
  readonly store: MonitorStore;
  readonly monitor: Monitor;
  idOf(name: string): string;
  /** Loads a member again, as its owner, so that it behaves as scripted. */
  load(name: string, script: Script, code?: string): Promise<void>;
  /** A message by the owner, or by a wallet unknown to the fleet. */
  send(
    name: string,
    action: string,
    data?: unknown,
    more?: { stranger?: boolean; tags?: Tags },
  ): Promise<void>;
  /** One round, then half a minute passes. */
  round(): Promise<RoundResult>;
  /** Several rounds; the types of the open alerts after each. */
  rounds(count: number): Promise<string[][]>;
  /** Makes time pass during a measurement. */
  takes(ms: number): void;
  close(): Promise<void>;
}

const INTERVAL = 30_000;

/** Keys take seconds to generate: two serve all fleets of a test file. */
const wallets = new Map<string, Promise<Wallet>>();
function walletOf(name: string): Promise<Wallet> {
  const wallet = wallets.get(name) ?? makeWallet();
  wallets.set(name, wallet);
  return wallet;
}

/** @param text settings as YAML; time passes only as the test says, so that a busy machine is not a slow process */
export async function watching(
  names: readonly string[],
  text = "",
  env: Record<string, string> = {},
  face: "legacy" | "mainnet" = "legacy",
): Promise<Watching> {
  const net = await startSimnet({ face });
  const home = mkdtempSync(join(tmpdir(), "fleet-monitor-"));
  const client = async (name: string): Promise<{ ao: Ao; close(): Promise<void> }> => {
    const journal = await openJournal(join(home, `${name}.jsonl`));
    const wallet = await walletOf(name);
    const node = { ...net.node, gatewayUrl: net.endpoints.gatewayUrl, graphqlUrl: net.endpoints.graphqlUrl };
    return {
      ao:
        face === "legacy"
          ? connectLegacy({ endpoints: net.endpoints, wallet, journal, limits: { firstRead: 0 } })
          : connectMainnet({ endpoints: node, wallet, journal, limits: EMBEDDED_NODE }),
      close: () => journal.close(),
    };
  };
  const [owner, stranger] = await Promise.all([client("owner"), client("stranger")]);
  const { ao } = owner;
  let count = 0;
  const intent = () => {
    count += 1;
    return `test/${count}`;
  };
  const textOf = (name: string, script: Script, code: string) =>
    [
      "local __e = 1",
      `--[[sim: ${JSON.stringify(script)}]]`,
      `fleet.process{ name = "${name}", processType = "${name.toUpperCase()}", version = "1.0.0", capabilities = {} }`,
      'fleet.on("BUY", {}, function() end)',
      `return Fleet.commit({ release = "r1", sourceHash = "${sha256(code)}", version = "1.0.0", epoch = 1, process = "${name}" })`,
    ].join("\n");
  const send: Watching["send"] = async (
    name,
    action,
    data = {},
    { stranger: other = false, tags = {} } = {},
  ) => {
    const from = other ? stranger.ao : ao;
    const body = typeof data === "string" ? data : JSON.stringify(data);
    const sent = await from.send(
      { intent: intent(), processId: idOf(name), tags: { Action: action, ...tags }, data: body },
      budgetOf(20),
    );
    if (!paused) await from.evaluation({ processId: idOf(name), messageId: sent.id }, budgetOf(20));
  };
  let paused = false;
  const ids = new Map<string, string>();
  const idOf = (name: string) => ids.get(name) ?? name;
  const { scheduler, authority } = net.endpoints;
  const places = face === "legacy" ? { scheduler, authority } : {};
  for (const name of names) {
    const spawned = await ao.spawn(
      { intent: intent(), module: net.module, ...places, tags: { Name: name } },
      budgetOf(20),
    );
    ids.set(name, spawned.id);
    await send(name, "Eval", textOf(name, {}, name));
  }
  const members: Member[] = names.map((name) => ({
    name,
    processId: idOf(name),
    generation: 1,
    version: "1.0.0",
    sourceHash: sha256(name),
    status: "ACTIVE",
  }));
  const scope = { project: "game", stack: "dev", home, build: join(home, "build") };
  const fleet = {
    project: "game",
    stack: "dev",
    members,
    ...(names.includes("ledger") ? { ledger: "ledger" } : {}),
    session: {
      scope,
      ao,
      journal: { void: async () => {}, signed: () => undefined },
      network: { kind: "local", units: net.endpoints, maxMessageBytes: 10_000_000 },
      request: {},
      supersede: async () => {},
    },
    suUrl: net.suUrl,
    close: async () => {},
  } as unknown as FleetSession;
  const store = openStore(":memory:");
  const clock = turnedClock();
  const monitor = await monitorOf({
    ...{ fleet, store, clock, env },
    settings: readSettings(text, "monitoring.yaml", env),
    history: historyOf(fleet, 10),
    commits: async () => [],
    lanes: 1,
  });
  const round = async () => {
    const result = await monitor.round();
    clock.pass(INTERVAL);
    return result;
  };
  return {
    ...{ net, fleet, store, monitor, idOf, send, round },
    async load(name, script, code = name) {
      // A script may delay even its own load.
      paused = script.slow !== undefined;
      await send(name, "Eval", textOf(name, script, code));
      paused = false;
    },
    async rounds(times) {
      const open: string[][] = [];
      for (let n = 0; n < times; n += 1) {
        await round();
        open.push(
          store
            .book()
            .alerts.filter(isOpen)
            .map(({ type, source }) => `${type} ${source}`),
        );
      }
      return open;
    },
    takes(ms) {
      clock.measure(ms);
    },
    async close() {
      store.close();
      await net.close();
      await owner.close();
      await stranger.close();
    },
  };
}
