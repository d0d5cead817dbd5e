import { userInfo } from "node:os";
import type { Command } from "commander";
import { z } from "zod";
import { acknowledge, type Book, resolve } from "../../../monitor/alert-book.ts";
import { updateAlerts } from "../../../operations/observe/alert-book.ts";
import { type Cli, defineCommand } from "../../command.ts";
import { alertJson } from "./alert-json.ts";

export const acknowledgeCommand = (cli: Cli): Command =>
  byId(
    cli,
    "acknowledge",
    "acknowledge alerts",
    "An acknowledged alert no longer escalates. It still resolves by itself.",
    acknowledge,
  );

export const resolveCommand = (cli: Cli): Command =>
  byId(
    cli,
    "resolve",
    "resolve alerts",
    "For alerts that do not resolve by themselves, such as an executed rollback. If the cause persists, the alert is raised again after the cooldown.",
    resolve,
  );

/** A command that changes alerts by their ids. */
function byId(
  cli: Cli,
  name: "acknowledge" | "resolve",
  summary: string,
  description: string,
  change: (book: Book, id: string, by: string, now: number) => Book,
) {
  return defineCommand(cli, {
    name,
    summary,
    description,
    examples: [[`npx fleet alerts ${name} alert-7`, "the alert with the id alert-7"]],
    define(command) {
      command.argument("<alerts...>", "ids from fleet alerts list");
    },
    options: z.looseObject({}),
    async run(context, _options, ids) {
      const now = Date.now();
      const book = await updateAlerts(context, (before) =>
        ids.reduce((after, id) => change(after, id, userInfo().username, now), before),
      );
      const changed = book.alerts.filter(({ alertId }) => ids.includes(alertId));
      for (const alert of changed) context.out.line(`${alert.alertId} ${alert.state}`);
      context.out.document({ success: true, alerts: changed.map(alertJson) });
      return undefined;
    },
  });
}
