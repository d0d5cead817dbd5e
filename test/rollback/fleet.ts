import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { cpSync, mkdtempSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { createSigner } from "@permaweb/aoconnect/node";
import { type LocalNetworkInfo, status } from "../../src/localnet/index.ts";
import { newNodePlayer } from "../e2e/node-player.ts";
import { newPlayer, type Player, plainClient } from "../e2e/player.ts";
import { newProject, type Project, projectIn, type Ran } from "../e2e/project.ts";
import { checkDocument } from "../kit/documents.ts";

const repository = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** A ledger and two processes, one of which has a growing state. */
const program = (members: string): string => `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";

const limit = (maxConcurrentRequests: number) => ({ PROCESS_CONFIG: { maxConcurrentRequests } });
const fleet = await Fleet.create("three", {
  ...settings(new pulumi.Config()),
  ledger: "deployment-coordinator",
  processes: {
    "deployment-coordinator": {},
${members}
  },
});
export const processes = fleet.processes;
`;

const counter = (version: string, body: string): string => `local fleet = require("fleet")
fleet.process{ name = "counter", processType = "COUNTER", version = "${version}", capabilities = { "COUNTING" } }
${body}
`;
const reader = (greeting: string): string => `local fleet = require("fleet")
fleet.process{ name = "reader", processType = "READER", version = "1.0.0", capabilities = {} }
fleet.on("GREET", { who = "anyone" }, function() return { greeting = "${greeting}" } end)
`;

/** The files of each release. The second changes the shape of the counter's state, with a migration down; the third adds a member. */
export const releases: readonly Record<string, string>[] = [
  {
    "index.ts": program(`    counter: { version: "1.0.0", peers: ["reader"], config: limit(101) },
    reader: { dependsOn: ["counter"], peers: ["counter"] },`),
    "processes/counter/process.lua": counter(
      "1.0.0",
      `local S = fleet.state("counter", { n = 0 })
fleet.on("ADD", { schema = { by = { type = "integer", required = true } } }, function(data)
  S.n = S.n + data.by
  return { n = S.n, release = 1 }
end)`,
    ),
    "processes/reader/process.lua": reader("hello"),
  },
  {
    "index.ts": program(`    counter: { version: "2.0.0", peers: ["reader"], config: limit(202) },
    reader: { dependsOn: ["counter"], peers: ["counter"] },`),
    "processes/counter/process.lua": counter(
      "2.0.0",
      `local S = fleet.state("counter", { count = 0 })
fleet.migrate{ from = "1", to = "2",
  up = function() S.count, S.n = S.n, nil end,
  down = function() S.n, S.count = S.count, nil end }
fleet.on("ADD", { schema = { by = { type = "integer", required = true } } }, function(data)
  S.count = S.count + data.by
  return { n = S.count, release = 2 }
end)`,
    ),
    "processes/reader/process.lua": reader("good day"),
  },
  {
    "index.ts": program(`    counter: { version: "2.0.0", peers: ["reader"], config: limit(303) },
    reader: { dependsOn: ["counter"], peers: ["counter", "late"] },
    late: { dependsOn: ["counter"], peers: ["counter"] },`),
    "processes/counter/process.lua": counter(
      "2.0.0",
      `local S = fleet.state("counter", { count = 0 })
fleet.migrate{ from = "1", to = "2",
  up = function() S.count, S.n = S.n, nil end,
  down = function() S.n, S.count = S.count, nil end }
fleet.on("ADD", { schema = { by = { type = "integer", required = true } } }, function(data)
  S.count = S.count + data.by
  return { n = S.count, release = 3 }
end)`,
    ),
    "processes/reader/process.lua": reader("good evening"),
    "processes/late/process.lua": `local fleet = require("fleet")
fleet.process{ name = "late", processType = "LATE", version = "1.0.0", capabilities = {} }
`,
  },
];

/** The project at its first release; nothing is deployed. */
export async function fleetProject(name: string): Promise<Project> {
  const project = await newProject(name, releases[0] ?? {});
  const ledger = "processes/deployment-coordinator";
  cpSync(join(repository, ledger), join(project.dir, ledger), { recursive: true });
  return project;
}

/** Writes the files of a release (counted from 1) into the project. */
export function write(project: Project, release: number): void {
  for (const [path, text] of Object.entries(releases[release - 1] ?? {})) project.write(path, text);
}

/**
 * The same project on another machine: the backend, the wallet and the network, and nothing that the first one stored. They share
 * backend and network, so only the first may close.
 */
export async function otherMachine(first: Project): Promise<Project> {
  const dir = mkdtempSync(join(tmpdir(), "fleet-second-"));
  cpSync(first.dir, dir, {
    recursive: true,
    verbatimSymlinks: true,
    filter(path) {
      const name = relative(first.dir, path);
      if (name.startsWith("build")) return false;
      return !name.startsWith(".fleet/") || name === ".fleet/dev-wallet.json";
    },
  });
  symlinkSync(join(first.dir, ".fleet/localnet"), join(dir, ".fleet/localnet"));
  const second = projectIn(dir, first.backend);
  const selected = await second.pulumi(["stack", "select", "dev"]);
  if (selected.code !== 0) throw new Error(selected.text);
  return second;
}

/** How to start the `fleet` command in the project's folder: program, arguments, options. */
export function commandOf(project: Project, args: readonly string[], env: Record<string, string> = {}) {
  const environment = {
    ...process.env,
    PULUMI_BACKEND_URL: project.backend,
    PULUMI_CONFIG_PASSPHRASE: "only a test",
    NO_COLOR: "1",
    ...env,
  };
  return [process.execPath, [entry, ...args], { cwd: project.dir, env: environment }] as const;
}
const entry = join(repository, "src/cli/fleet.mjs");

type FleetRan = Ran & { stdout: string };

function run(...[program, words, options]: ReturnType<typeof commandOf>): Promise<FleetRan> {
  return new Promise((done, fail) => {
    const limits = { ...options, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(program, words, limits, (_error, stdout, stderr) => {
      try {
        if (words.includes("--json") && stdout !== "") checkDocument(words.slice(1), stdout);
        done({ code: child.exitCode ?? 1, text: stdout + stderr, stdout });
      } catch (error) {
        fail(error);
      }
    });
  });
}

/** The `fleet` command in the project's folder. */
export const fleet = (
  project: Project,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<FleetRan> => run(...commandOf(project, args, env));

/** Runs a command line that was printed, in a shell. It must begin with `npx fleet`. */
export function printed(project: Project, line: string, env: Record<string, string> = {}): Promise<FleetRan> {
  const [, rest] = /^npx fleet (.+)$/.exec(line) ?? [];
  if (rest === undefined) throw new Error(`not a command line of fleet: ${JSON.stringify(line)}`);
  const [program, [script], options] = commandOf(project, [], env);
  return run("/bin/sh", ["-c", `exec "$0" "$1" ${rest}`, program, script ?? ""], options);
}

/** The fleet as a client and its owner see it. */
export interface Seen {
  readonly n: number;
  readonly release: number;
  readonly greeting: string;
  readonly limit: number;
}

export async function networkOf(project: Project): Promise<LocalNetworkInfo> {
  const { info } = await status(join(project.dir, ".fleet/localnet"));
  if (!info) throw new Error("the network is down");
  return info;
}

/** A player on the network that the project's fleet is on: its embedded units, or the node of its settings. */
export async function playerOf(project: Project, jwk?: Record<string, string>): Promise<Player> {
  const settings = project.text("Pulumi.dev.yaml");
  const nodeUrl = /:nodeUrl: (.*)$/m.exec(settings)?.[1];
  return /:network: mainnet$/m.test(settings) && nodeUrl !== undefined
    ? newNodePlayer(nodeUrl, jwk)
    : newPlayer(await networkOf(project), jwk);
}

/** The fleet's owner, who can run code in its processes. */
export async function ownerOf(project: Project) {
  const ao = plainClient(await networkOf(project));
  const signer = createSigner(project.json(".fleet/dev-wallet.json"));
  return {
    async run(process: string, data: string): Promise<void> {
      const tags = [{ name: "Action", value: "Eval" }];
      const message = String(await ao.message({ process, signer, tags, data }));
      await ao.result({ process, message });
    },
  };
}

/** A member's AO process, as named in the project's manifest. */
export function processOf(project: Project, member: string): string {
  const { processes } = project.json<{ processes: Record<string, { processId: string }> }>(
    "build/deployment-manifest.json",
  );
  const id = processes[member]?.processId;
  if (id === undefined) throw new Error(`the manifest has no ${member}`);
  return id;
}

/** The ledger's answer to its owner. */
export async function askLedger<T>(project: Project, action: string, data: object): Promise<T> {
  const owner = await newPlayer(await networkOf(project), project.json(".fleet/dev-wallet.json"));
  return (await owner.ask(processOf(project, "deployment-coordinator"), action, data)) as T;
}

/** Reads the fleet, after adding to the counter. */
export async function look(project: Project, by = 0): Promise<Seen> {
  const owner = await playerOf(project, project.json(".fleet/dev-wallet.json"));
  const ask = (member: string, action: string, data: object = {}) =>
    owner.ask(processOf(project, member), action, { ...data, nonce: randomUUID() });
  const added = await ask("counter", "ADD", { by });
  const greeted = await ask("reader", "GREET");
  const held = (await ask("counter", "GET_CONFIG")) as unknown as {
    configs: { PROCESS_CONFIG: { configData: { maxConcurrentRequests: number } } };
  };
  return {
    n: Number(added.n),
    release: Number(added.release),
    greeting: String(greeted.greeting),
    limit: held.configs.PROCESS_CONFIG.configData.maxConcurrentRequests,
  };
}

/** The expected look of a release (counted from 1) with this count. */
export const seen = (release: number, n: number): Seen => ({
  n,
  release,
  greeting: ["hello", "good day", "good evening"][release - 1] ?? "",
  limit: [101, 202, 303][release - 1] ?? 0,
});
