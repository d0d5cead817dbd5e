/**
 * Builds the CLI from its published Go modules: `go.mod` and `go.sum` in src/toolchain/go pin all sources.
 *
 * There are two programs from two modules. The language host is older than the CLI: 3.68.0 is the last version
 * that is published in the SDK's module. It uses the same protocol and only lacks resource hooks.
 */
import { join } from "node:path";
import { type Env, packageDir } from "./paths.ts";
import { type Log, withProgress } from "./progress.ts";
import { run } from "./run.ts";

interface Program {
  readonly name: string;
  /** Folder under src/toolchain/go with its go.mod and go.sum. */
  readonly module: string;
  readonly package: string;
  /** Approximate number of packages that are compiled without a cache; only for the progress line. */
  readonly packages: number;
}

const PROGRAMS: readonly Program[] = [
  {
    name: "pulumi-language-nodejs",
    module: "language-host",
    package: "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
    packages: 540,
  },
  {
    name: "pulumi",
    module: "pulumi",
    package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    packages: 1380,
  },
];

const VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

/**
 * Builds the CLI and its language host into `binDir`. Returns undefined, or why it failed (the compiler's last lines).
 * If interrupted, it leaves only Go's own caches, from which the next attempt continues.
 */
export async function buildCli(
  options: {
    readonly go: string;
    readonly goVersion: string;
    readonly version: string;
    readonly binDir: string;
  },
  log: Log,
  env: Env = process.env,
): Promise<string | undefined> {
  for (const program of PROGRAMS) {
    let downloaded = 0;
    let compiled = 0;
    const describe = (seconds: number) => {
      const work =
        compiled > 0
          ? `${compiled} of about ${program.packages} packages compiled`
          : `${downloaded} modules fetched`;
      return `pulumi CLI: building ${program.name} with Go ${options.goVersion}: ${work}, ${seconds} s`;
    };
    const flags = `-s -w -X ${VERSION_VARIABLE}=${options.version}`;
    const target = join(options.binDir, program.name);
    const answer = await withProgress(log, describe, () =>
      run(options.go, ["build", "-v", "-trimpath", "-ldflags", flags, "-o", target, program.package], {
        cwd: join(packageDir, "src", "toolchain", "go", program.module),
        // Only the machine's own compiler and this go.mod; no C compiler is needed.
        env: { ...env, GOTOOLCHAIN: "local", GOWORK: "off", CGO_ENABLED: "0" },
        onLine: (line) => {
          if (line.startsWith("go: downloading")) downloaded += 1;
          else if (line !== "") compiled += 1;
        },
      }),
    );
    if (answer.code !== 0) {
      const lines = answer.output
        .split("\n")
        .filter((line) => /[: ]/.test(line) && !/^go: downloading/.test(line));
      return `go build of ${program.name} failed: ${lines.slice(-5).join(" | ") || `code ${answer.code}`}`;
    }
  }
  return undefined;
}
