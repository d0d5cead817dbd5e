/** The browser for the dashboard's tests: an installed one, else Debian's Chromium from apt, else playwright's own. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { FleetError } from "../core/errors.ts";
import { packageFolder } from "./packages.mjs";
import { type Env, packageDir } from "./paths.ts";
import { type Log, toStderr } from "./progress.ts";
import { run } from "./run.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "msedge"];
const APPS = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

/** Path of a Chromium on this machine: FLEET_BROWSER, on the PATH, in its usual place, or playwright's; undefined if there is none. */
export async function findBrowser(env: Env = process.env): Promise<string | undefined> {
  if (env.FLEET_BROWSER) return env.FLEET_BROWSER;
  const folders = (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const { chromium } = await import("playwright-core");
  const places = [
    ...NAMES.flatMap((name) => folders.map((folder) => join(folder, name))),
    ...APPS,
    chromium.executablePath(),
  ];
  return places.find((place) => existsSync(place));
}

/** A step that installs a browser: its description, the command and its arguments. */
type InstallStep = readonly [string, string, readonly string[]];

/**
 * Finds a browser, or installs one.
 *
 * @param steps steps that are tried in order. Default: apt as root on Debian, then playwright's own download.
 * @throws FleetError BROWSER_MISSING if none can be installed
 */
export async function ensureBrowser(
  log: Log = toStderr,
  env: Env = process.env,
  steps: Iterable<InstallStep> = installSteps(),
): Promise<string> {
  const found = await findBrowser(env);
  if (found !== undefined) return found;
  const tried: string[] = [];
  for (const [what, command, args] of steps) {
    log(`browser: ${what}`);
    const { code, output } = await run(command, [...args], { timeoutMs: 600_000 });
    const now = await findBrowser(env);
    if (now !== undefined) return now;
    tried.push(`${what}: exit code ${code}, ${output.split("\n").at(-1) ?? ""}`);
  }
  throw new FleetError({
    code: "BROWSER_MISSING",
    what: "No browser was found for the tests of the dashboard, and none could be installed.",
    got: tried.join("; "),
    expected: "Chromium or Chrome",
    remedy:
      "Install one (Debian: apt-get install chromium), or set its path: FLEET_BROWSER=/path/to/chrome npm test",
  });
}

function* installSteps(): Generator<InstallStep> {
  if (existsSync("/usr/bin/apt-get") && process.getuid?.() === 0) {
    const install = ["install", "-y", "--no-install-recommends", "chromium"];
    yield ["apt-get install chromium", "apt-get", install];
    yield ["apt-get update", "apt-get", ["update"]];
    yield ["apt-get install chromium, after an update", "apt-get", install];
  }
  const cli = join(packageFolder(packageDir, "playwright-core") ?? "", "cli.js");
  yield ["playwright's own download", process.execPath, [cli, "install", "chromium"]];
}
