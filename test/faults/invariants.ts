import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readJournal } from "../../src/ao/journal/index.ts";
import type { Oracle, OracleMessage } from "../simnet/index.ts";
import type { State } from "./engine.ts";
import { Engine } from "./engine.ts";
import { LEDGER, type Spec } from "./spec.ts";

export interface CheckOptions {
  /** Whether to try the next `up` (I6). Default true. */
  readonly next?: boolean;
  /** Whether the journal has everything that was ever sent; false if it was cut or lost, or another operator sends too. Default true. */
  readonly wholeJournal?: boolean;
  /** Other operators of the same fleet, whose journals count too (I2). */
  readonly others?: readonly Spec[];
  /** The private parts of the wallet. */
  readonly secrets?: readonly string[];
}

/** Checks I1 to I8 except I3, which needs traffic, against what is really on the network. */
export async function invariants(spec: Spec, oracle: Oracle, options: CheckOptions = {}): Promise<string[]> {
  const { next = true, wholeJournal = true, others = [], secrets = [] } = options;
  const broken: string[] = [];
  await oracle.quiet(20);
  const engine = new Engine(spec);
  const state = await engine.state();
  broken.push(...oneLiveProcess(spec, oracle), ...effectsOnce(oracle));
  broken.push(...(await nothingPending(spec, state, wholeJournal)));
  if (next) broken.push(...(await nothingToDo(engine, oracle)));
  const journal = await readJournal(journalOf(spec));
  const theirs = await Promise.all(others.map((other) => readJournal(journalOf(other))));
  const known = new Set([...journal, ...theirs.flat()].map(({ id }) => id));
  const inState = new Set(Object.values(state).map(({ outputs }) => outputs.processId));
  const ledger = ledgerOf(spec, oracle);
  for (const { id } of ours(spec, oracle)) {
    if (!inState.has(id) && !known.has(id) && !ledger.has(id))
      broken.push(`I2: process ${id} is in no state, journal or ledger`);
  }
  if (wholeJournal) {
    const owner = ours(spec, oracle)[0]?.owner;
    for (const message of mine(spec, oracle)) {
      if (message.owner === owner && !known.has(message.id))
        broken.push(`I8: the message ${message.id} (${message.tags.Action}) is not in the journal`);
    }
    const sent = new Set([
      ...mine(spec, oracle).map(({ id }) => id),
      ...ours(spec, oracle).map(({ id }) => id),
    ]);
    for (const { id, key, state: stood } of journal)
      if (stood === "settled" && !sent.has(id))
        broken.push(`I8: the journal settled ${key}, which the network never saw`);
  }
  if (secrets.length > 0) broken.push(...(await noSecret(spec, oracle, secrets)));
  return broken;
}

export const journalOf = (spec: Spec): string =>
  join(spec.home, ".fleet", "journal", `${spec.project}.${spec.stack}.jsonl`);

/** The stack's processes, whoever spawned them. */
export function ours(spec: Spec, oracle: Oracle) {
  return oracle
    .processes()
    .filter(({ tags }) => tags["Deployment-Key"]?.startsWith(`${spec.project}/${spec.stack}/`));
}

export function mine(spec: Spec, oracle: Oracle): OracleMessage[] {
  return ours(spec, oracle).flatMap(({ id }) => oracle.messages(id));
}

/** A process that runs the fleet's code and was not retired. */
export function isLive(oracle: Oracle, id: string): boolean {
  const fleet = oracle.state(id)?.fleet;
  return fleet !== undefined && fleet.status !== "RETIRED";
}

export function oneLiveProcess(spec: Spec, oracle: Oracle): string[] {
  const live = new Map<string, string[]>();
  for (const { id, tags } of ours(spec, oracle)) {
    if (!isLive(oracle, id)) continue;
    const key = tags["Deployment-Key"] ?? "";
    live.set(key, [...(live.get(key) ?? []), id]);
  }
  return [...live]
    .filter(([, ids]) => ids.length > 1)
    .map(([key, ids]) => `I1: ${key} has ${ids.length} live processes: ${ids.join(", ")}`);
}

/** No spawn posted twice, and no two messages of the same content and epoch; reads are not effects. */
export function effectsOnce(oracle: Oracle): string[] {
  const seen = new Map<string, number>();
  for (const { process, tags, data } of oracle.messages()) {
    const action = tags.Action ?? "";
    if (action !== "Eval" && tags.Epoch === undefined) continue;
    if (action === "PROCESS_DISCOVERY") continue;
    const key = JSON.stringify([process, action, tags.Epoch, tags["Deployment-Id"], tags.Phase, data]);
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  const ruined = oracle.processes().filter((process) => process.ruined);
  const repeated = [...seen].filter(([, count]) => count > 1);
  return [
    ...ruined.map(({ id }) => `I4: the spawn of the process ${id} was posted twice`),
    ...oracle.postedAgain().map((id) => `I4: ${id} has ${oracle.slots(id)} slots, and not by the test`),
    ...repeated.map(([key, count]) => `I4: sent ${count} times: ${key.slice(0, 200)}`),
  ];
}

async function nothingPending(spec: Spec, state: State, whole: boolean): Promise<string[]> {
  const failed = Object.entries(state).filter(([, recorded]) => recorded.failed);
  // A spawn that was interrupted stays open for its member; nobody requests one of a member that left the fleet.
  const stays = ({ kind, key }: { kind: string; key: string }) =>
    kind !== "spawn" || Object.keys(spec.members).some((name) => key.includes(`/${name}/g`));
  const open = (await readJournal(journalOf(spec))).filter(
    (intent) => (intent.state === "signed" || intent.state === "sent") && stays(intent),
  );
  // A journal that was cut may lack only the end of an effect whose resource nothing requests again.
  return [
    ...failed.map(([name]) => `I5: ${name} is still marked as failed`),
    ...(whole ? open : []).map(({ key, state: stood }) => `I5: the journal holds ${key} as ${stood}`),
  ];
}

async function nothingToDo(engine: Engine, oracle: Oracle): Promise<string[]> {
  const before = oracle.counts().messages;
  const again = await engine.up();
  const changed = [...again.created, ...again.updated, ...again.deleted];
  const sent = oracle.counts().messages - before;
  return [
    ...changed.map((name) => `I6: the next up changes ${name}`),
    ...again.errors.map(({ name, message }) => `I6: the next up fails at ${name}: ${message}`),
    ...(sent > 0 ? [`I6: the next up sends ${sent} messages`] : []),
  ];
}

function ledgerOf(spec: Spec, oracle: Oracle): Set<string> {
  const ledgers = oracle.byDeploymentKey(`${spec.project}/${spec.stack}/${spec.ledger ?? LEDGER}`);
  return new Set(ledgers.flatMap(({ id }) => Object.keys(oracle.state(id)?.fleet?.ledger?.registered ?? {})));
}

export async function noSecret(spec: Spec, oracle: Oracle, secrets: readonly string[]): Promise<string[]> {
  const broken: string[] = [];
  const holds = (text: string) => secrets.some((secret) => text.includes(secret));
  for (const entry of await readdir(spec.home, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.includes("wallet")) continue;
    const path = join(entry.parentPath, entry.name);
    if (holds(await readFile(path, "latin1"))) broken.push(`I7: ${path} holds a part of the wallet`);
  }
  for (const { id, data, tags } of oracle.messages())
    if (holds(data) || holds(JSON.stringify(tags))) broken.push(`I7: the message ${id} holds a part of it`);
  return broken;
}
