import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { planFleet } from "../../components/plan.ts";
import * as configBundle from "../../providers/config-bundle/lifecycle.ts";
import * as process from "../../providers/process/lifecycle.ts";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import { PartialFailure } from "../../providers/run/partial-failure.ts";
import { endRun, sessionFor } from "../../providers/run/session.ts";
import { bundle, store } from "../../src/bundler/index.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { makeJwk } from "../ao/wallets.ts";
import { failureOf } from "../kit/failure.ts";
import { type Script, type Simnet, type SimnetOptions, startSimnet } from "../simnet/index.ts";

/** A stack on a simulated network: what a lifecycle gets from Pulumi, without Pulumi. */
export interface Stack {
  readonly net: Simnet;
  readonly home: string;
  readonly scope: { project: string; stack: string; home: string; build: string; ledger?: string };
  /** Inputs of a process with scripted Lua; the same `text` makes the same bundle. */
  inputs(
    name: string,
    script?: Script,
    extra?: Record<string, unknown>,
    /** Whether the program describes itself with `fleet.process`; a plain aos program does not. @default true */
    declares?: boolean,
  ): Promise<Record<string, unknown>>;
  /** The AO processes of a member that exist on the network. */
  processesOf(name: string): { id: string; tags: Readonly<Record<string, string>> }[];
  /** The Evals that the network accepted for a member. */
  evalsOf(name: string): number;
  close(): Promise<void>;
}

let wallet: Promise<string> | undefined;

/** One wallet for all stacks of a test file: the lifecycles of a provider process share one config. */
export async function configureOnce(): Promise<void> {
  wallet ??= makeJwk().then(JSON.stringify);
  const jwk = await wallet;
  const config = { get: (key: string) => (key === "wallet" ? jwk : undefined) };
  process.configure(config);
  configBundle.configure(config);
}

let count = 0;

export async function simulatedStack(
  options: SimnetOptions & { ledger?: string; home?: string; stack?: string; net?: Simnet } = {},
): Promise<Stack> {
  await configureOnce();
  const net = options.net ?? (await startSimnet(options));
  const home = options.home ?? (await mkdtemp(join(tmpdir(), "fleet-providers-")));
  count += 1;
  const scope = {
    project: "game",
    stack: options.stack ?? `s${count}`,
    home: join(home, ".fleet"),
    build: join(home, "build"),
    ...(options.ledger === undefined ? {} : { ledger: options.ledger }),
  };
  const key = (name: string) => `${scope.project}/${scope.stack}/${name}`;
  return {
    net,
    home,
    scope,
    async inputs(name, script = {}, extra = {}, declares = true) {
      const root = join(home, `src-${name}`);
      await mkdir(root, { recursive: true });
      const head = declares
        ? `fleet.process{ name = "${name}", processType = "${name.toUpperCase()}", version = "1.0.0", capabilities = {} }\n`
        : "";
      const text = `${head}--[[sim: ${JSON.stringify(script)}]]\n`;
      await writeFile(join(root, "process.lua"), `local s = [==[\n${text}]==]\n${text}return s\n`);
      const made = await bundle({ name, entry: "process.lua", root });
      await store(join(scope.home, "bundles")).put(made);
      return {
        scope,
        network: net.network,
        name,
        version: "1.0.0",
        module: net.module,
        bundle: {
          hash: made.hash,
          bytes: made.bytes,
          entry: "process.lua",
          modules: Object.fromEntries(made.modules.map((module) => [module.name, module.hash])),
        },
        healthCheck: { timeoutSeconds: 10, intervalSeconds: 0.05, retries: 1 },
        timeoutSeconds: 20,
        ...extra,
      };
    },
    processesOf: (name) => net.oracle.byDeploymentKey(key(name)),
    evalsOf: (name) =>
      net.oracle
        .byDeploymentKey(key(name))
        .flatMap(({ id }) => net.oracle.messages(id))
        .filter(({ tags }) => tags.Action === "Eval").length,
    async close() {
      // Sessions stay open for the whole life of a provider process, and a test is one.
      await endRun();
      await net.close();
    },
  };
}

/** Checked inputs, in the form that Pulumi passes on. */
export async function checked(raw: Record<string, unknown>): Promise<Record<string, unknown>> {
  const { inputs, failures } = await process.check({}, raw);
  if (failures.length > 0) throw new Error(JSON.stringify(failures));
  return inputs;
}

export async function createProcess(raw: Record<string, unknown>): Promise<ProcessOutputs> {
  return (await process.create(await checked(raw))).outs;
}

/** Inputs of a member as a plan makes them from its declaration, in the form that Pulumi passes on. */
export async function plannedInputs(
  scope: Stack["scope"],
  network: object,
  name: string,
  member: { health: object; [key: string]: unknown },
): Promise<Record<string, unknown>> {
  const plan = await planFleet(
    { network, processes: { [name]: member } } as Parameters<typeof planFleet>[0],
    { home: scope.home, build: scope.build },
    () => undefined,
  );
  const { declared, declaration } = plan.levels[0]?.[0] ?? {};
  if (!declared || !declaration) throw new Error(`${name} was not planned`);
  const { sourceHash: hash, bytes, entry, modules, version, module, lib } = declared;
  return checked({
    ...{ scope, network, name, version, module, lib, bundle: { hash, bytes, entry, modules } },
    ...{ healthCheck: member.health, timeoutSeconds: 60 },
    ...{ onBoot: declaration.onBoot, tags: declaration.tags },
    ...(declaration.state === "none" ? { state: declaration.state } : {}),
    ...(typeof declaration.state === "object" ? { globals: declaration.state.globals } : {}),
  });
}

/** The failure of a change that keeps what it did. */
export async function partialFailureOf(work: Promise<unknown>): Promise<PartialFailure> {
  const error = await failureOf(work);
  if (error instanceof PartialFailure) return error;
  throw error;
}

export const targetOf = ({ name, processId, generation }: ProcessOutputs) => ({
  name,
  processId,
  generation,
});

/** The status that a process has on the network, such as ACTIVE. */
export const statusOf = ({ net }: Stack, processId: string): string =>
  (net.oracle.state(processId) as { fleet: { status: string } }).fleet.status;

/** An Eval that the owner sends by hand. */
export async function evaluate({ scope, net }: Stack, processId: string, lua: string): Promise<string> {
  const { ao } = await sessionFor(scope, { kind: "legacy", ...net.endpoints });
  const sent = await ao.send(
    { intent: `by-hand/${processId}`, processId, tags: { Action: "Eval" }, data: lua },
    budgetOf(10),
  );
  return (await ao.evaluation({ processId, messageId: sent.id }, budgetOf(10))).output;
}
