/** `npm start`: deploys the fleet to the dev stack and prints the next steps. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { printableLines } from "../core/printable.ts";
import { redactText } from "../core/redact.ts";
import { environment } from "./env.ts";
import type { Log } from "./progress.ts";
import { readProject } from "./project.ts";
import { run, runHere } from "./run.ts";
import { initStack } from "./stack-init.ts";

/** The stack of `npm start`. */
const DEV_STACK = "dev";

/** The stack outputs that the summary shows; others are ignored. */
const outputs = z.object({
  processes: z.record(
    z.string(),
    z.object({ processId: z.string(), health: z.string(), version: z.string() }),
  ),
  manifest: z.string().optional(),
});
type Outputs = z.infer<typeof outputs>;

/**
 * Creates the stack if it does not exist, runs `pulumi up --yes` on it and prints a summary.
 * `args` are passed to `pulumi up`. Resolves with pulumi's exit code.
 */
export async function start(projectDir: string, args: readonly string[], log: Log): Promise<number> {
  const env = { ...process.env, ...environment(projectDir) };
  const options = { cwd: projectDir, env };
  if (!hasStack(projectDir)) {
    log(`stack: creating ${DEV_STACK}`);
    const made = await initStack("pulumi", DEV_STACK, options);
    if (made.code !== 0) {
      log(made.output);
      return made.code;
    }
  }
  const code = await runHere("pulumi", ["up", "--yes", "--stack", DEV_STACK, ...args], options);
  if (code !== 0) {
    log(`\npulumi up ended with code ${code}. Nothing is lost: the next \`npm start\` continues from there.`);
    log("`npx fleet doctor` checks this machine; `npx pulumi cancel` unlocks a stack after a killed run.");
    return code;
  }
  const answer = await run("pulumi", ["stack", "output", "--json", "--stack", DEV_STACK], options);
  if (answer.code !== 0) {
    log(printableLines(redactText(answer.output)).join("\n"));
    log("The stack is up, but `pulumi stack output` failed. `npx fleet status` shows its processes.");
    return answer.code;
  }
  process.stdout.write(`\n${summary(answer.stdout)}`);
  return 0;
}

/** Checks a file backend directly, which is faster than pulumi; false for any other backend, so that pulumi checks it. */
function hasStack(projectDir: string): boolean {
  const { name, backendDir } = readProject(projectDir);
  if (backendDir === undefined) return false;
  const stacks = join(backendDir, ".pulumi", "stacks", name);
  return ["json", "json.gz"].some((kind) => existsSync(join(stacks, `${DEV_STACK}.${kind}`)));
}

/** The text after a successful `up`, from the JSON of `pulumi stack output`: one line per process, then the next steps. */
export function summary(json: string): string {
  const parsed = outputs.safeParse(JSON.parse(json));
  const fleet: Outputs = parsed.success ? parsed.data : { processes: {} };
  const rows = Object.entries(fleet.processes).map(
    ([name, { processId, health, version }]) => [name, processId, version, health] as const,
  );
  const lines: string[] = [];
  if (rows.length === 0) lines.push("The stack is up; it declares no processes.");
  else {
    const table = [["process", "id", "version", "health"] as const, ...rows];
    const width = (column: 0 | 1 | 2) => Math.max(...table.map((row) => row[column].length));
    for (const row of table) {
      lines.push(
        [row[0].padEnd(width(0)), row[1].padEnd(width(1)), row[2].padEnd(width(2)), row[3]].join("  "),
      );
    }
    const healthy = rows.filter((row) => row[3] === "HEALTHY").length;
    lines.push("", `${healthy} of ${rows.length} processes are healthy.`);
  }
  if (fleet.manifest !== undefined) lines.push(`Manifest: ${fleet.manifest}`);
  lines.push(
    "",
    "Next steps:",
    "  npx fleet status            state and version of each process",
    "  npx pulumi preview          what a change of the program would do",
    '  eval "$(npx fleet env)"     set this environment in your shell, for pulumi without npx',
  );
  return `${lines.join("\n")}\n`;
}
