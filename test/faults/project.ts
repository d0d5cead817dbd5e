import { type ChildProcess, spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { readJournal } from "../../src/ao/journal/index.ts";
import { newProject, type Project, type Ran } from "../e2e/project.ts";
import type { Simnet } from "../simnet/index.ts";
import type { Script } from "../simnet/program.ts";
import type { Lab } from "./case.ts";
import { effectsOnce, journalOf, mine, noSecret, oneLiveProcess, ours } from "./invariants.ts";
import { LEDGER, type Spec } from "./spec.ts";

/** A project on a simulated network, for the real pulumi command. */
export interface CliFleet {
  readonly project: Project;
  readonly net: Simnet;
  readonly spec: Spec;
  /** Gives a member another Lua text. */
  edit(name: string, script: Script): void;
  up(env?: Record<string, string>): Promise<Ran>;
  /** `fleet deploy` without any help. */
  deploy(): Promise<Ran>;
  /** Any other command of `fleet` on the stack. */
  fleet(args: readonly string[]): Promise<Ran>;
  /** Any command of `fleet`, still running. */
  start(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
  ): { readonly child: ChildProcess; readonly ended: Promise<Ran> };
  /** `fleet deploy`, still running. */
  startDeploy(env: Readonly<Record<string, string>>): {
    readonly child: ChildProcess;
    readonly ended: Promise<Ran>;
  };
  /** What did not work, with the end of the command's output. */
  expect(what: string, ran: Ran, code?: "zero" | "not zero"): string[];
  /**
   * I1 to I9, with `pulumi preview` and `pulumi up --expect-no-changes` as the next runs.
   *
   * @param options `asked`: actions that `fleet` itself sent, which it keeps in no journal
   */
  check(options?: { wholeJournal?: boolean; asked?: readonly string[] }): Promise<string[]>;
  /** Pids of the pulumi command and its launcher, which a terminal signals together. */
  commands(): Promise<number[]>;
  /** Pids of this project's running providers. */
  providers(): Promise<number[]>;
}

const MEMBERS = {
  [LEDGER]: "{}",
  battle: '{ peers: ["shop"], config }',
  shop: '{ dependsOn: ["battle"], peers: ["battle"] }',
};

export async function cliFleet(lab: Lab): Promise<CliFleet> {
  const net = await lab.network();
  const network = JSON.stringify(net.network);
  const processes = Object.entries(MEMBERS).map(([name, member]) => `    "${name}": ${member},`);
  const project = await newProject("faults", {
    "index.ts": `import { Fleet } from "ao-fleet";

const config = { PROCESS_CONFIG: { maxConcurrentRequests: 100 } };
const fleet = await Fleet.create("faults", {
  network: ${network},
  module: "${net.module}",
  health: { timeoutSeconds: 30, intervalSeconds: 0.1, retries: 1 },
  timeoutSeconds: 60,
  ledger: "${LEDGER}",
  processes: {
${processes.join("\n")}
  },
});
export const processes = fleet.processes;
`,
    "Pulumi.dev.yaml": "config:\n  faults:walletPath: .fleet/dev-wallet.json\n",
    ...Object.fromEntries(
      Object.keys(MEMBERS).map((name) => [`processes/${name}/process.lua`, luaOf(name, {})]),
    ),
  });
  lab.onEnd(() => project.close());
  const spec: Spec = {
    project: "faults",
    stack: "dev",
    home: project.dir,
    network: {},
    module: net.module,
    ledger: LEDGER,
    members: {},
  };
  const up = (env?: Record<string, string>, ...more: string[]) =>
    project.pulumi(["up", "--yes", "--skip-preview", "--parallel", "16", ...more], env);
  const providers = () =>
    processesIn(
      project.dir,
      (line) => line.includes("dynamic-provider") && !/sh$/.test(line.split("\0")[0] ?? ""),
    );
  const start: CliFleet["start"] = (args, env) => {
    const started = fleetCommand(project.dir, args, env);
    lab.onEnd(() => void started.child.kill("SIGKILL"));
    return started;
  };
  const commands = () => processesIn(project.dir, (line) => /(^|\/)pulumi\0/.test(line));
  lab.onEnd(async () => {
    signalAll([...(await providers()), ...(await commands())], "SIGKILL");
  });
  const expect: CliFleet["expect"] = (what, ran, code = "zero") =>
    (ran.code === 0) === (code === "zero")
      ? []
      : [`${what} ended with ${ran.code}: ${ran.text.slice(-1200)}`];
  return {
    project,
    net,
    spec,
    edit: (name, script) => project.write(`processes/${name}/process.lua`, luaOf(name, script)),
    up,
    deploy: () => fleetCommand(project.dir, ["deploy", "--yes"]).ended,
    fleet: (args) => fleetCommand(project.dir, args).ended,
    start,
    startDeploy: (env) => start(["deploy", "--yes"], env),
    expect,
    providers,
    commands,
    async check({ wholeJournal = true, asked = [] } = {}) {
      await net.oracle.quiet(20);
      const broken = [...oneLiveProcess(spec, net.oracle), ...effectsOnce(net.oracle)];
      const { text } = await project.pulumi(["stack", "export"]);
      const { deployment } = JSON.parse(text) as { deployment: { pending_operations?: unknown[] } };
      const pending = deployment.pending_operations ?? [];
      if (pending.length > 0) broken.push(`I5: ${pending.length} pending operations`);
      const journal = await readJournal(journalOf(spec));
      for (const { key, state } of journal)
        if (wholeJournal && (state === "signed" || state === "sent"))
          broken.push(`I5: the journal holds ${key} as ${state}`);
      const known = new Set(journal.map(({ id }) => id));
      for (const { id } of ours(spec, net.oracle))
        if (!known.has(id) && !text.includes(id))
          broken.push(`I2: process ${id} is in no state and no journal`);
      for (const { id, tags, from } of mine(spec, net.oracle))
        if (
          wholeJournal &&
          !known.has(id) &&
          tags["From-Process"] === undefined &&
          !asked.includes(tags.Action ?? "")
        )
          broken.push(`I8: the message ${id} (${tags.Action}) of ${from} is not in the journal`);
      const before = net.oracle.counts().messages;
      const preview = await project.pulumi(["preview", "--expect-no-changes"]);
      if (preview.code !== 0)
        broken.push(`I9: an idle preview announces something: ${preview.text.slice(-600)}`);
      const next = await up({}, "--expect-no-changes");
      if (next.code !== 0) broken.push(`I6: the next up changes something: ${next.text.slice(-600)}`);
      const sent = net.oracle.counts().messages - before;
      if (sent > 0) broken.push(`I6: the next up sends ${sent} messages`);
      const jwk = JSON.parse(await readFile(join(project.dir, ".fleet/dev-wallet.json"), "utf8"));
      const secrets = ["d", "p", "q", "dp", "dq", "qi"].map((part) => String(jwk[part]));
      return [...broken, ...(await noSecret(spec, net.oracle, secrets))];
    },
  };
}

/** Processes that have ended get no signal. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** A `fleet` command on the stack, running; `pid` is the process to kill. */
function fleetCommand(
  dir: string,
  words: readonly string[],
  more: Readonly<Record<string, string>> = {},
): { readonly child: ChildProcess; readonly ended: Promise<Ran> } {
  const bin = join(import.meta.dirname, "../../node_modules/.bin");
  const env = {
    ...process.env,
    PATH: `${bin}:${process.env.PATH}`,
    PULUMI_BACKEND_URL: `file://${dir}/.fleet`,
    PULUMI_CONFIG_PASSPHRASE: "only a test",
    PULUMI_SKIP_UPDATE_CHECK: "true",
    NO_COLOR: "1",
    ...more,
  };
  const [name = "", ...rest] = words;
  const child = spawn(
    process.execPath,
    ["node_modules/ao-fleet/src/cli/fleet.mjs", name, "--stack", "dev", ...rest],
    { cwd: dir, env, stdio: ["ignore", "pipe", "pipe"] },
  );
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      text += chunk;
    });
  const ended = new Promise<Ran>((done) => child.on("close", (code) => done({ code: code ?? 1, text })));
  return { child, ended };
}

function luaOf(name: string, script: Script): string {
  const text = `fleet.process{ name = "${name}", processType = "${name.toUpperCase().replaceAll("-", "_")}", version = "1.0.0", capabilities = {} }\n--[[sim: ${JSON.stringify(script)}]]\n`;
  return `local s = [==[\n${text}]==]\n${text}return s\n`;
}

/** Processes whose working directory is the project and whose command line (parts end with NUL) matches. */
async function processesIn(dir: string, isWanted: (line: string) => boolean): Promise<number[]> {
  const real = realpathSync(dir);
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      try {
        const [cwd, line] = await Promise.all([
          readlink(`/proc/${pid}/cwd`),
          readFile(`/proc/${pid}/cmdline`, "utf8"),
        ]);
        return cwd === real && isWanted(line) ? [Number(pid)] : [];
      } catch {
        return [];
      }
    }),
  );
  return found.flat();
}
