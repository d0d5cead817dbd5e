import { execFile, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { allProcesses, argumentsOf, folderOf } from "../../src/core/processes.ts";
import { writeFiles } from "../kit/folder.ts";
import { fleetProject, write } from "../rollback/fleet.ts";
import { type Backend, postgres, s3 } from "./backends.ts";
import type { Project, Ran } from "./project.ts";

/** The blocks of docs/how-to/team.md, run by two operators without a common disk. They share the backend, the passphrase, the wallet and the network. */

const page = readFileSync("docs/how-to/team.md", "utf8");
/** The shell blocks below a heading, in their order. */
const blocksOf = (heading: string): string[] => {
  const section = page.split(/^## /m).find((each) => each.startsWith(`${heading}\n`)) ?? "";
  return [...section.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, block = ""]) => block);
};
const SECTIONS = [
  "The backend",
  "Join",
  "The wallet",
  "Who may, and who did",
  "When two people deploy at once",
];

it("every shell block of the page is in a section that is run here", () => {
  const all = [...page.matchAll(/^```sh$/gm)].length;
  expect(SECTIONS.flatMap(blocksOf)).toHaveLength(all);
});

describe.each([
  ["S3", s3],
  ["PostgreSQL", postgres],
])("two operators on %s", { timeout: 600_000 }, (_, start) => {
  let backend: Backend;
  let alice: Project;
  let bob: string;

  /** A shell of an operator, with nothing that the project sets itself. */
  function shell(dir: string, script: string, more: Record<string, string> = {}): Promise<Ran> {
    const env = shellEnv(more);
    return new Promise((done) => {
      const child = execFile(
        "bash",
        ["-ec", script],
        { cwd: dir, env, maxBuffer: 64 * 1024 * 1024 },
        (_e, out, err) => done({ code: child.exitCode ?? 1, text: out + err }),
      );
    });
  }
  function shellEnv(more: Record<string, string>): NodeJS.ProcessEnv {
    const { PULUMI_BACKEND_URL: _url, PULUMI_CONFIG_PASSPHRASE: _phrase, ...rest } = process.env;
    const given = {
      PASSPHRASE: "of the team",
      WALLET: join(alice.dir, ".fleet/dev-wallet.json"),
      NO_COLOR: "1",
    };
    const key = join(tmpdir(), `fleet-key-${process.pid}.pem`);
    return {
      ...rest,
      ...backend.env,
      ...given,
      KEY: key,
      PATH: `${alice.dir}/node_modules/.bin:${rest.PATH}`,
      ...more,
    };
  }
  const ok = async (ran: Promise<Ran>): Promise<string> => {
    const { code, text } = await ran;
    expect([code, text.slice(-3000)]).toEqual([0, expect.any(String)]);
    return text;
  };
  const fleet = (dir: string, args: string, env: Record<string, string> = {}) =>
    shell(dir, `eval "$(npx fleet env --stack staging)"; npx fleet ${args} --stack staging`, env);
  const count = async (dir: string, by: number) =>
    JSON.parse(
      (
        await shell(
          dir,
          `eval "$(npx fleet env --stack staging)"; npx fleet call counter ADD --data '{"by":${by}}' --json --quiet --stack staging 2>/dev/null`,
        )
      ).text,
    ).data?.n;
  const release = (dir: string, which: number) =>
    write({ ...alice, write: (path, text) => writeFiles({ [path]: text }, dir) }, which);

  beforeAll(async () => {
    backend = await start();
    alice = await fleetProject("team");
    alice.write(
      "Pulumi.staging.yaml",
      alice.text("Pulumi.dev.yaml").replaceAll(".fleet/dev-wallet.json", "wallets/staging.json"),
    );
    await ok(
      shell(
        alice.dir,
        `printf %s "$PASSPHRASE" > .fleet/staging-passphrase; chmod 600 .fleet/staging-passphrase
mkdir -p wallets && install -m 600 "$WALLET" wallets/staging.json
eval "$(npx fleet env --stack staging)"; sed -i /encryptionsalt/d Pulumi.staging.yaml; npx pulumi stack init staging --non-interactive
npx fleet deploy --stack staging --yes`,
      ),
    );
  });
  afterAll(async () => {
    await alice.close();
    rmSync(bob, { recursive: true, force: true });
    await backend.close();
  });

  it("move the stack to the backend, and join it from a clone", async () => {
    const [before = "", after = ""] = blocksOf("The backend");
    await ok(shell(alice.dir, before));
    alice.edit("Pulumi.yaml", "file://./.fleet", backend.url);
    await ok(shell(alice.dir, after));
    expect(existsSync(join(alice.dir, ".fleet/staging.json"))).toBe(false);
    bob = mkdtempSync(join(tmpdir(), "fleet-bob-"));
    cpSync(alice.dir, bob, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !/^(build|wallets|Pulumi\.dev|\.fleet\/)/.test(relative(alice.dir, path)),
    });
    // The embedded network stands for the one that everybody reaches.
    symlinkSync(join(alice.dir, ".fleet/localnet"), join(bob, ".fleet/localnet"));
    await ok(shell(bob, "npx fleet setup"));
    const joined = await ok(shell(bob, blocksOf("Join").join("\n")));
    expect(joined).toMatch(/counter .*HEALTHY/);
  });

  it("deploy and roll back in turn, each on what the other left", async () => {
    expect(await count(alice.dir, 1)).toBe(1);
    release(bob, 2);
    await ok(fleet(bob, "deploy --yes", { FLEET_OPERATOR: "bob" }));
    expect(await count(bob, 1)).toBe(2);
    const history = await ok(fleet(alice.dir, "history"));
    expect(history.match(/succeeded/g)).toHaveLength(2);
    release(alice.dir, 2);
    await ok(fleet(alice.dir, "rollback --to 1 --yes"));
    expect(await count(alice.dir, 1)).toBe(3);
    expect(await ok(fleet(bob, "history"))).toMatch(/rollback to/);
    await ok(fleet(bob, "deploy --yes"));
    expect(await count(bob, 1)).toBe(4);
  });

  it("take over from a machine that was killed right after a spawn, and use what it spawned", async () => {
    for (const dir of [alice.dir, bob]) release(dir, 3);
    const dead = spawn(
      "bash",
      ["-ec", `eval "$(npx fleet env --stack staging)"; npx fleet deploy --yes --stack staging`],
      {
        ...{ cwd: bob, detached: true, stdio: "ignore" },
        env: shellEnv({ FLEET_STOP_AT: "process.spawned" }),
      },
    );
    const stopped = () =>
      allProcesses().find(
        (pid) =>
          argumentsOf(pid)?.[1]?.includes("dynamic-provider") === true &&
          folderOf(pid) === bob &&
          /^\d+ \(.*\) T/s.test(readFileSync(`/proc/${pid}/stat`, "utf8")),
      );
    await vi.waitFor(() => expect(stopped()).toBeGreaterThan(0), { timeout: 240_000, interval: 200 });
    const ended = new Promise((done) => dead.on("exit", done));
    process.kill(-(dead.pid ?? 0), "SIGKILL");
    for (const pid of allProcesses()) if (folderOf(pid) === bob) process.kill(pid, "SIGKILL");
    await ended;
    const refused = await fleet(alice.dir, "deploy --yes");
    expect([refused.code, refused.text]).toEqual([5, expect.stringContaining("STACK_LOCKED")]);
    const text = await ok(
      shell(
        alice.dir,
        `eval "$(npx fleet env --stack staging)"\n${blocksOf("When two people deploy at once").join("\n")}`,
      ),
    );
    expect(text).toContain("recovery: removed any lock");
    expect(await count(alice.dir, 1)).toBe(5);
    const spawned = await ok(shell(alice.dir, "cat .fleet/localnet/network.json"));
    expect(await processesNamed(JSON.parse(spawned), "late")).toBe(1);
    await ok(fleet(bob, "deploy --dry-run --expect-no-changes"));
  });

  it("deploy at once: at most one deploys, the other one is refused, and both agree after the next one", async () => {
    for (const dir of [alice.dir, bob]) release(dir, 2);
    const ran = await Promise.all([fleet(alice.dir, "deploy --yes"), fleet(bob, "deploy --yes")]);
    // On S3, two locks that are written at once refuse each other.
    expect([
      [0, 5],
      [5, 5],
    ]).toContainEqual(ran.map(({ code }) => code).sort());
    await ok(fleet(alice.dir, "deploy --yes"));
    for (const dir of [alice.dir, bob]) await ok(fleet(dir, "deploy --dry-run --expect-no-changes"));
  });

  it("use a wallet from a variable and from a signer, and list who may and who did", async () => {
    const jwk = JSON.parse(readFileSync(join(alice.dir, ".fleet/dev-wallet.json"), "utf8"));
    const { createPrivateKey } = await import("node:crypto");
    const pem = createPrivateKey({ key: jwk, format: "jwk" }).export({ type: "pkcs8", format: "pem" });
    const key = join(tmpdir(), `fleet-key-${process.pid}.pem`);
    writeFileSync(key, pem, { mode: 0o600 });
    const [variable = "", signer = ""] = blocksOf("The wallet");
    await ok(shell(bob, `eval "$(npx fleet env --stack staging)"\n${variable}\n${signer}`));
    expect(await count(bob, 1)).toBe(6);
    const listed = await ok(
      shell(bob, `eval "$(npx fleet env --stack staging)"\n${blocksOf("Who may, and who did").join("\n")}`),
    );
    expect(listed).toContain("this stack's wallet");
    expect(listed).toMatch(/bob op-[0-9a-f]{8} +DEPLOYMENT_BEGUN/);
    rmSync(key);
  });
});

/** How many processes of a member the network has, by its index. */
async function processesNamed(
  network: { graphqlUrl?: string; gatewayUrl?: string },
  name: string,
): Promise<number> {
  const url = network.graphqlUrl ?? `${network.gatewayUrl}/graphql`;
  const query = `{ transactions(first: 100, tags: [{ name: "Type", values: ["Process"] }, { name: "Deployment-Key", values: ["team/staging/${name}"] }]) { edges { node { id } } } }`;
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query }),
  });
  const { data } = (await answer.json()) as { data: { transactions: { edges: unknown[] } } };
  return data.transactions.edges.length;
}
