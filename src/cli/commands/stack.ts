import type { Command } from "commander";
import { z } from "zod";
import { initStackOf, type StackSecret } from "../../operations/project/stack.ts";
import { type Cli, defineCommand, groupOf } from "../command.ts";

/** `fleet stack`: what pulumi's own `stack` commands do not know about a fleet. */
export const stackCommand = (cli: Cli): Command =>
  groupOf(
    cli,
    {
      name: "stack",
      summary: "create a stack with its settings, passphrase and wallet",
      description:
        "A stack is one deployment of the fleet, such as dev, staging or prod. `pulumi stack` lists, selects and removes stacks.",
    },
    [initCommand],
  );

const OptionsSchema = z.looseObject({ like: z.string().optional() });

function initCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "init",
    summary: "create a stack with its settings, passphrase and wallet",
    description:
      "Creates the stack in the project's backend, and what it needs on this machine: Pulumi.<name>.yaml, a passphrase in .fleet and a wallet " +
      "where the settings name it, both with mode 600 and ignored by git. Prints where each secret is and how to keep it, never the secret. " +
      "Installs the pulumi CLI if it is missing. Leaves existing files unchanged: a run that failed can be repeated. The stack dev becomes the " +
      "selected one, others do not.",
    examples: [
      ["npx fleet stack init dev", "once in a new project, or after a clone"],
      ["npx fleet stack init staging", "a stack on the network that Pulumi.staging.yaml names"],
      ["npx fleet stack init eu --like prod", "another stack, with the settings of prod to start with"],
    ],
    stack: false,
    define: (command) =>
      command
        .argument("<name>", "name of the stack")
        .option(
          "--like <stack>",
          "settings to start with: dev, staging or prod (default: those of its own name, otherwise dev)",
        ),
    options: OptionsSchema,
    async run({ host, out, projectDir }, { like }, [name = ""]) {
      const options = { log: (line: string) => out.note(line), ...(like === undefined ? {} : { like }) };
      const report = await initStackOf(host, projectDir, name, options);
      const { stack, project, created, settings, secrets } = report;
      out.line(
        `${created ? "Created the stack" : "There is already a stack"} ${stack} of ${project}: ${settings}.`,
      );
      for (const secret of secrets) out.line(["", ...secretLines(secret, stack)]);
      if (!secrets.some(({ kind }) => kind === "passphrase"))
        out.line([
          "",
          "The stack's secrets are encrypted by its backend or a key service, not by a passphrase.",
        ]);
      out.line(["", `Next: npx fleet deploy${stack === "dev" ? "" : ` --stack ${stack} --dry-run`}`]);
      out.document({ success: true, ...report });
      return undefined;
    },
  });
}

/** A word about a secret: where it is, what it protects, how to keep it. */
function secretLines({ kind, file, state, address }: StackSecret, stack: string): string[] {
  const place = {
    created: `${file} (created, mode 600, ignored by git)`,
    present: `${file} (there before)`,
    missing: `${file} is not on this machine`,
    elsewhere: kind === "passphrase" ? "from the environment" : "in the stack's settings",
  }[state];
  const [what, keep] =
    kind === "passphrase"
      ? [
          "It encrypts the stack's secret settings and its state.",
          "Keep a copy in a password manager: without it, nobody can deploy this stack.",
        ]
      : [
          "It owns the stack's processes and signs every change.",
          "Keep a copy offline: whoever has it controls the processes, and without it nobody can change them.",
        ];
  const disposable = "A stack on this machine's own network can be created again, so no copy is needed.";
  return [
    `${kind}: ${place}`,
    ...(address === undefined ? [] : [`  address: ${address}`]),
    `  ${what}`,
    `  ${stack === "dev" ? disposable : keep}`,
  ];
}
