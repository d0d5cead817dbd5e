import { resolve } from "node:path";
import type { Command } from "commander";
import { z } from "zod";
import { continued } from "../../core/printable.ts";
import { startClock } from "../../operations/deploy/clock.ts";
import { PlanCollector } from "../../operations/deploy/plan-details.ts";
import { planMarkdown } from "../../operations/deploy/plan-markdown.ts";
import { planLines, preview } from "../../operations/deploy/preview.ts";
import { freeStack } from "../../operations/recover/free-stack.ts";
import { writeNamedFile } from "../../operations/settings/write-file.ts";
import { networkOf, readStackConfig } from "../../operations/workspace/stack-config.ts";
import { type Cli, type Context, count, defineCommand, names, seconds } from "../command.ts";
import { EXIT_OF, planFailureLines } from "../deploy/report.ts";
import { lockedOut } from "../ends.ts";
import { EXIT, type ExitCode, exitCodesText } from "../exit.ts";

const Options = z.looseObject({
  only: z.array(z.string()).default([]),
  markdown: z.string().optional(),
  refresh: z.boolean().default(false),
  expectNoChanges: z.boolean().default(false),
  timeout: z.number().optional(),
  parallel: z.number(),
});

export function previewCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "preview",
    summary: "show the plan: steps, code by module, settings by field, messages",
    description:
      "Previews the program and changes nothing. Besides the steps, names the Lua modules and the settings that differ from the last " +
      "deployment, and what the plan sends at least. --markdown writes this as Markdown for a pull request or a job's summary; its " +
      "first line names the stack, so that a comment can be found again. The file is also written if the preview fails.",
    examples: [
      ["npx fleet preview", "show the plan"],
      ["npx fleet preview --stack staging --markdown plan.md", "write it for a pull request"],
      ["npx fleet preview --refresh --expect-no-changes", "exit code 3 if anything differs, also by hand"],
    ],
    define(command) {
      command
        .option("--only <names>", "preview these members only", names)
        .option("--markdown <file>", "also write the plan as Markdown")
        .option("--refresh", "read every process back first, to detect manual changes")
        .option("--expect-no-changes", "exit code 3 if there are changes")
        .option("--timeout <seconds>", "stop the preview after this time (exit code 124)", seconds)
        .option("--parallel <number>", "resource operations to run at a time", count(1), 32)
        .addHelpText("after", `\n${exitCodesText()}`);
    },
    options: Options,
    run,
  });
}

async function run(context: Context, options: z.output<typeof Options>): Promise<ExitCode> {
  const { host, out, projectDir } = context;
  const free = await freeStack(context, out);
  if (!free) return lockedOut(out);
  const { stack, workspace } = free;
  const engine = await host.engine(workspace, stack, (line) => out.note(line));
  const stopping = (why: string) => out.alert(`stopping the preview: ${why}`);
  const clock = startClock(options.timeout, stopping, host.interrupts);
  const collector = new PlanCollector();
  const request = { ...options, replace: [] };
  const plan = await preview(engine, request, clock, collector.listen).finally(() => clock.stop());
  const details = collector.details();
  const config = readStackConfig(projectDir, stack);
  if (options.markdown !== undefined) {
    const about = { project: config.project, stack, network: networkOf(config, projectDir).kind };
    const problem = { code: "PREVIEW_NOT_WRITTEN", what: "Cannot write the plan." };
    await writeNamedFile(resolve(host.cwd, options.markdown), planMarkdown(about, plan, details), problem);
  }
  const { status, steps, notes, warnings, failures, changes } = plan;
  const differs = status === "succeeded" && options.expectNoChanges && steps.length > 0;
  const code = differs ? EXIT.changes : EXIT_OF[status];
  out.document({
    ...{ success: code === EXIT.ok, stack, status, changes, steps, notes, warnings, failures },
    ...details,
  });
  for (const { text } of warnings) out.alert(continued(text));
  out.alert(planFailureLines(stack, plan));
  if (status !== "succeeded") return code;
  out.line([`Plan for ${stack}:`, ...planLines(plan)]);
  return code;
}
