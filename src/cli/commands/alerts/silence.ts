import type { Command } from "commander";
import { z } from "zod";
import { silence, unsilence } from "../../../monitor/alert-book.ts";
import { alertTypeNamed, updateAlerts } from "../../../operations/observe/alert-book.ts";
import { type Cli, defineCommand, number } from "../../command.ts";
import { iso } from "./alert-json.ts";

export function silenceCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "silence",
    summary: "silence alerts of a type for a while",
    description: "Silences one source, or all sources. Open alerts stay open and do not escalate.",
    examples: [
      [
        "npx fleet alerts silence PROCESS_OFFLINE --source shop --minutes 30",
        "while shop is being worked on",
      ],
    ],
    define(command) {
      command
        .argument("<type>", "type of alert")
        .option("--source <name>", "only this source, such as a process or a deployment")
        .option("--minutes <number>", "duration", minutes, 60);
    },
    options: z.looseObject({ source: z.string().optional(), minutes: z.number() }),
    async run(context, { source, minutes }, [name = ""]) {
      const type = alertTypeNamed(name);
      const until = Date.now() + minutes * 60_000;
      const key = { type, ...(source === undefined ? {} : { source }) };
      await updateAlerts(context, (book) => silence(book, { ...key, until }));
      context.out.line(`silenced until ${iso(until)}`);
      context.out.document({ success: true, ...key, until: iso(until) });
      return undefined;
    },
  });
}

export function unsilenceCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "unsilence",
    summary: "end a silence",
    description: "Ends a silence early. Name the source if the silence has one.",
    examples: [["npx fleet alerts unsilence PROCESS_OFFLINE --source shop", "end the silence of shop"]],
    define(command) {
      command.argument("<type>", "type of alert").option("--source <name>", "source of the silence");
    },
    options: z.looseObject({ source: z.string().optional() }),
    async run(context, { source }, [name = ""]) {
      const key = { type: alertTypeNamed(name), ...(source === undefined ? {} : { source }) };
      await updateAlerts(context, (book) => unsilence(book, key));
      context.out.line("no longer silenced");
      context.out.document({ success: true, ...key });
      return undefined;
    },
  });
}

/** Commander parser: minutes, at most a week, which is the ledger's limit. */
const minutes = number(
  "a number of minutes above zero, at most 10080",
  (value) => value > 0 && value <= 10_080,
);
