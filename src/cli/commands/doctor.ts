import type { Command } from "commander";
import { z } from "zod";
import { doctor } from "../../toolchain/doctor.ts";
import { type Cli, defineCommand } from "../command.ts";
import { EXIT } from "../exit.ts";
import { table } from "../table.ts";

export function doctorCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "doctor",
    summary: "check this machine for everything that is needed",
    description:
      "Checks Node, the packages, the pulumi CLI, the tools that can build it, the backend and the dev stack's secrets. " +
      "Changes nothing. Exit code 1 if something is missing.",
    examples: [["npx fleet doctor", "what is installed, in which version, and what to fix"]],
    stack: false,
    options: z.looseObject({}),
    async run({ out, host, projectDir }) {
      const findings = await doctor(projectDir, host.env);
      const rows = findings.map(({ name, ok, version, detail }) => [
        ok ? out.style("green", "ok") : out.style("red", "missing"),
        name,
        version ?? "",
        detail,
      ]);
      for (const line of table(["", "item", "version", "location or problem"], rows)) out.line(line);
      const remedies = findings.filter(({ ok, remedy }) => !ok && remedy !== undefined);
      if (remedies.length > 0) out.line("\nTo fix:");
      for (const { name, remedy } of remedies) out.line(`  ${name}: ${remedy}`);
      const ok = findings.every((finding) => finding.ok);
      out.document({ success: ok, findings });
      return ok ? EXIT.ok : EXIT.failed;
    },
  });
}
