import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { sessionFor } from "../../providers/run/session.ts";
import { connect } from "../../src/ao/connect.ts";
import { openJournal } from "../../src/ao/journal/index.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { hashOf } from "../../src/core/hash.ts";
import type { FleetSession } from "../../src/fleet/fleet-session.ts";
import { type History, historyOf } from "../../src/fleet/history.ts";
import type { Member } from "../../src/fleet/members/member.ts";
import { ask } from "../../src/fleet/protocol/ask.ts";
import { makeWallet } from "../ao/wallets.ts";
import { fleet as runCli } from "../cli/fakes.ts";
import { createProcess, type Stack, simulatedStack } from "../providers/fixture.ts";
import type { Script, SimnetOptions } from "../simnet/index.ts";

const LEDGER = "deployment-coordinator";
const edges: Readonly<Record<string, readonly string[]>> = { battle: ["shop"], shop: ["battle"] };

/** A deployed fleet on a simulated network: a ledger, and two services that know each other. */
export interface Simulated {
  readonly stack: Stack;
  readonly fleet: FleetSession;
  readonly history: History;
  /** Runs `fleet` with these arguments in the fleet's project. */
  run(...words: string[]): ReturnType<typeof runCli>;
  /** Sends a message as the owner. */
  tell(name: string, action: string, data?: unknown, tags?: Record<string, string>): Promise<unknown>;
  /** Writes the release again, with other declared data for some members. */
  declare(changes: Readonly<Record<string, object>>): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param scripts the members' behaviour, by name
 * @param face the protocol of its network. @default legacy
 */
export async function simulatedFleet(
  scripts: Readonly<Record<string, Script>> = {},
  face?: SimnetOptions["face"],
): Promise<Simulated> {
  const stack = await simulatedStack({ ledger: LEDGER, ...(face === undefined ? {} : { face }) });
  const members: Member[] = [];
  for (const name of [LEDGER, "battle", "shop"]) {
    const made = await createProcess(await stack.inputs(name, scripts[name]));
    const { processId, generation, version } = made;
    const sourceHash = made.revision?.sourceHash ?? "";
    members.push({ name, processId, generation, version, sourceHash, status: "ACTIVE" });
  }
  const { net, scope, home } = stack;
  const session = await sessionFor(scope, net.network);
  const fleet: FleetSession = {
    ...{ project: scope.project, stack: scope.stack, members, ledger: LEDGER, session },
    ...{ suUrl: net.suUrl, close: async () => {} },
  };
  const history = historyOf(fleet, 30);
  const of = (name: string) => {
    const member = members.find((each) => each.name === name);
    if (!member) throw new Error(`no ${name}`);
    return member;
  };
  const tell: Simulated["tell"] = (name, action, data = {}, tags = {}) =>
    ask(session, { ...of(name), action, data, tags }, z.looseObject({}), budgetOf(20));
  const epoch = String(await session.deployment.epoch());
  for (const [name, peers] of Object.entries(edges)) {
    const ids = Object.fromEntries(peers.map((peer) => [peer, of(peer).processId]));
    await tell(name, "WIRE_PEERS", { peers: ids, hash: hashOf(ids) }, { Epoch: epoch });
    const config = { configType: "PROCESS_CONFIG", configData: { maxConcurrentRequests: 5 }, version: 1 };
    await tell(name, "UPDATE_CONFIG", config, { Epoch: epoch });
  }
  for (const { name, processId, version } of members) {
    const processRegistration = { processId, processType: name.toUpperCase(), version, capabilities: [] };
    await tell(LEDGER, "PROCESS_REGISTRATION", { processRegistration });
  }
  await release(stack, members);
  await writeFile(join(home, "Pulumi.yaml"), `name: ${scope.project}\nruntime: nodejs\n`);
  await writeFile(join(home, `Pulumi.${scope.stack}.yaml`), "config: {}\n");
  return {
    stack,
    fleet,
    history,
    tell,
    run: (...words) => runCli([...words, "--stack", scope.stack], { fleet, history, cwd: home }),
    declare: (changes) => release(stack, members, changes),
    close: () => stack.close(),
  };
}

/** Messages of a wallet that has nothing to do with the fleet, to one of its members. */
export async function strangerWrites(
  { stack, fleet }: Simulated,
  to: string,
  messages: readonly { readonly tags: Readonly<Record<string, string>>; readonly data: string }[],
): Promise<void> {
  const processId = fleet.members.find(({ name }) => name === to)?.processId ?? "";
  const stranger = connect(fleet.session.network, {
    wallet: await makeWallet(),
    journal: await openJournal(join(stack.home, "stranger.jsonl")),
  });
  for (const [n, { tags, data }] of messages.entries())
    await stranger.send({ intent: `s${n}`, processId, tags, data }, budgetOf(20));
  await stack.net.oracle.quiet();
}

/** Writes the release to disk as a deployment does. */
async function release(
  { scope, home }: Stack,
  members: readonly Member[],
  changes: Readonly<Record<string, object>> = {},
): Promise<void> {
  const declaration = Object.fromEntries(
    members.map(({ name, version, sourceHash }) => [
      name,
      {
        ...{ entry: "process.lua", sourceHash, version, module: "aos", dependsOn: [] },
        ...{ peers: edges[name] ?? [], modules: {}, bytes: 1 },
        config: name in edges ? { PROCESS_CONFIG: { maxConcurrentRequests: 5 } } : {},
        ...changes[name],
      },
    ]),
  );
  const document = {
    ...{ deploymentId: "deploy-1", releaseHash: hashOf(declaration), releasedAt: new Date().toISOString() },
    ...{ declaration, scope: { project: scope.project, stack: scope.stack, ledger: scope.ledger } },
    members: Object.fromEntries(
      members.map(({ name, processId, generation }) => [name, { processId, generation, evalId: "x" }]),
    ),
  };
  const folder = join(home, ".fleet", "releases", `${scope.project}.${scope.stack}`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "current.json"), JSON.stringify(document));
}
