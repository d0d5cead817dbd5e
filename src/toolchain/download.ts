/**
 * Downloads a release of the pulumi CLI and checks it before anything of it runs. Pulumi's own launcher would fetch an install script and
 * run it from the shared folder for temporary files, with no check of the script or of what it fetches.
 */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract } from "tar";
import { type Log, withProgress } from "./progress.ts";

/** Where a release is, and the sha256 of its archives. */
export interface ReleaseSource {
  /** The folder of the archives. */
  readonly archives: string;
  /** The folder, on another host, of a release's own list of checksums. */
  readonly checksums: string;
  /** Known hashes of archives by their file names. */
  readonly pinned: Readonly<Record<string, string>>;
}

/** The host that the releases are fetched from. */
export const RELEASE_HOST = "get.pulumi.com";

/**
 * Pulumi's releases. The two hashes are those of the release's `pulumi-3.255.0-checksums.txt`. For macOS they could not be read here: there
 * the list itself is asked for, from another host than the archive, so that both would have to be replaced. Windows' archive is not a tar.
 */
export const PULUMI_RELEASES: ReleaseSource = {
  archives: `https://${RELEASE_HOST}/releases/sdk`,
  checksums: "https://github.com/pulumi/pulumi/releases/download",
  pinned: {
    "pulumi-v3.255.0-linux-x64.tar.gz": "cf559568e2c32f7fae56ea3de8ae5fa48973ba8c5aa9dd2b3dc0c8898fe50dba",
    "pulumi-v3.255.0-linux-arm64.tar.gz": "699fbc6ea848d997e9b3645487f108d27b1b55ec807c7576406131e6e080f0e3",
  },
};

/** Milliseconds for a connection and its headers, and for a whole archive (120 MB). */
const ANSWER_MS = 4_000;
const ARCHIVE_MS = 15 * 60_000;

/**
 * Fills `folder/bin` with the programs of a release. Returns undefined, or why it did not: nothing of an archive with another hash is
 * unpacked.
 */
export async function downloadCli(
  job: { readonly version: string; readonly folder: string; readonly log: Log },
  source: ReleaseSource = PULUMI_RELEASES,
  platform: string = `${process.platform}-${process.arch}`,
): Promise<string | undefined> {
  const { version, folder, log } = job;
  if (!/^(linux|darwin)-(x64|arm64)$/.test(platform)) return `no release that can be checked for ${platform}`;
  const name = `pulumi-v${version}-${platform}.tar.gz`;
  const archive = join(folder, name);
  try {
    const expected =
      source.pinned[name] ?? (await publishedHash(`${source.checksums}/v${version}`, version, name));
    if (expected === undefined) return `${name} is not in the release's list of checksums`;
    let bytes = 0;
    const got = await withProgress(
      log,
      (seconds) => `pulumi CLI: downloading ${version}, ${Math.round(bytes / 1e6)} MB, ${seconds} s`,
      () => fetchTo(archive, `${source.archives}/${name}`, (size) => (bytes += size)),
    );
    if (got !== expected) return `${name} has sha256 ${got}, not ${expected}; nothing of it was run`;
    await mkdir(join(folder, "bin"), { recursive: true });
    // The archive's one folder is `pulumi`.
    await extract({ file: archive, cwd: join(folder, "bin"), strip: 1 });
    return undefined;
  } catch (error) {
    return reasonOf(error);
  } finally {
    await rm(archive, { force: true });
  }
}

/** The hash of one file in a release's list of checksums (`<hash>  <name>` lines). */
async function publishedHash(folder: string, version: string, name: string): Promise<string | undefined> {
  const { body } = await answer(`${folder}/pulumi-${version}-checksums.txt`);
  const lines = (await new Response(body).text()).split("\n").map((line) => line.trim().split(/\s+/));
  const hash = lines.find(([, file]) => file?.replace(/^\*/, "") === name)?.[0];
  return hash && /^[0-9a-f]{64}$/.test(hash) ? hash : undefined;
}

/** Writes what a URL answers to a file, and returns its sha256. */
async function fetchTo(file: string, url: string, onBytes: (size: number) => void): Promise<string> {
  const { body, stop } = await answer(url);
  const timer = setTimeout(
    () => stop(new Error(`${url} took longer than ${ARCHIVE_MS / 60_000} minutes`)),
    ARCHIVE_MS,
  );
  const hash = createHash("sha256");
  try {
    const measured = async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        hash.update(chunk);
        onBytes(chunk.length);
        yield chunk;
      }
    };
    await pipeline(Readable.fromWeb(body), measured, createWriteStream(file, { flags: "wx", mode: 0o600 }));
    return hash.digest("hex");
  } finally {
    clearTimeout(timer);
  }
}

async function answer(url: string) {
  const abort = new AbortController();
  const stop = (reason: Error) => abort.abort(reason);
  const timer = setTimeout(() => stop(new Error(`${new URL(url).host} cannot be reached`)), ANSWER_MS);
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
    return { body: response.body, stop };
  } finally {
    clearTimeout(timer);
  }
}

/** fetch reports everything as "fetch failed", with the reason inside. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
}
