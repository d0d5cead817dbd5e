import type { Command } from "commander";
import { z } from "zod";
import { checkState } from "../../operations/state-code/check-state.ts";
import { doctor } from "../../toolchain/doctor.ts";
import { type Cli, defineCommand } from "../command.ts";
import { EXIT } from "../exit.ts";
import { table } from "../table.ts";

const OptionsSchema = z.looseObject({
  stack: z.string().optional(),
  trust: z.array(z.string()).default([]),
});

export function doctorCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "doctor",
    summary: "check this machine for everything that is needed",
    description:
      "Checks Node, the packages, the pulumi CLI, the tools that can build it, the backend and the dev stack's secrets. " +
      "With --stack, also checks the code in that stack's state, which Pulumi would run on this machine at a refresh: its text must be one " +
      "that a version of ao-fleet wrote. Changes nothing and runs nothing of the state. Exit code 1 if something is missing or unknown.",
    examples: [
      ["npx fleet doctor", "what is installed, in which version, and what to fix"],
      ["npx fleet doctor --stack prod", "before a shared backend is trusted: whose code its state contains"],
    ],
    stack: false,
    define: (command) =>
      command
        .option("-s, --stack <name>", "also check the code in the state of this stack")
        .option(
          "--trust <sha256...>",
          "accept other code in the state, by its sha256 (your program's own providers)",
        ),
    options: OptionsSchema,
    async run({ out, host, projectDir }, { stack, trust }) {
      const machine = await doctor(projectDir, host.env);
      // Reading the state needs the CLI, which this command does not install, and the backend.
      const canRead = machine.every(({ name, ok }) => ok || (name !== "pulumi CLI" && name !== "backend"));
      const state =
        stack === undefined || !canRead
          ? []
          : await checkState(host, await host.workspace(projectDir, stack), stack, trust);
      const findings = [...machine, ...state];
      const rows = findings.map((finding) => [
        finding.ok ? out.style("green", "ok") : out.style("red", "code" in finding ? "unknown" : "missing"),
        finding.name,
        "version" in finding ? (finding.version ?? "") : "",
        "code" in finding ? `${finding.detail} [${finding.code}]` : finding.detail,
      ]);
      for (const line of table(["", "item", "version", "location or problem"], rows)) out.line(line);
      const remedies = findings.filter(({ ok, remedy }) => !ok && remedy !== undefined);
      if (remedies.length > 0) out.line(["", "To fix:"]);
      for (const { name, remedy } of remedies) out.line(`  ${name}: ${remedy}`);
      const ok = findings.every((finding) => finding.ok);
      out.document({ success: ok, findings });
      return ok ? EXIT.ok : EXIT.failed;
    },
  });
}
