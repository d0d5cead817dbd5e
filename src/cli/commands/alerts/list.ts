import { type Command, Option } from "commander";
import { z } from "zod";
import { isOpen, openByLevel } from "../../../monitor/alert-book.ts";
import { TYPE_NAMES } from "../../../monitor/types.ts";
import { readAlerts } from "../../../operations/observe/alert-book.ts";
import { type Cli, defineCommand } from "../../command.ts";
import { table } from "../../table.ts";
import { alertJson, iso } from "./alert-json.ts";

export function listCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "list",
    summary: "list alerts",
    description:
      "Lists open and acknowledged alerts, newest last, and when the monitor's last round was. Exit code 0 even if there are some; 1 if the " +
      "monitor never ran on this machine.",
    examples: [
      ["npx fleet alerts list", "open and acknowledged alerts"],
      ["npx fleet alerts list --all", "also alerts resolved within the last three days"],
    ],
    define(command) {
      command.option("-a, --all", "include resolved alerts").addOption(typeOption());
    },
    options: z.looseObject({ all: z.boolean().default(false), type: z.enum(TYPE_NAMES).optional() }),
    async run(context, { all, type }) {
      const { book, lastRound } = await readAlerts(context);
      const alerts = book.alerts.filter(
        (alert) => (all || isOpen(alert)) && (type === undefined || alert.type === type),
      );
      const silences = book.silences.filter(({ until }) => until > Date.now());
      context.out.document({
        success: true,
        alerts: alerts.map(alertJson),
        counts: openByLevel(book.alerts),
        silences: silences.map(({ until, ...rest }) => ({ ...rest, until: iso(until) })),
        lastRound: lastRound === undefined ? null : iso(lastRound),
      });
      if (alerts.length === 0)
        context.out.line(`no ${all ? "" : "open "}alerts${type === undefined ? "" : ` of ${type}`}`);
      const rows = alerts.map(({ alertId, level, state, type: kind, source, count, raisedAt, message }) => [
        ...[alertId, level, state, kind, source],
        ...[String(count), iso(raisedAt), message],
      ]);
      if (rows.length > 0)
        context.out.line(
          table(["id", "level", "state", "type", "source", "rounds", "since", "message"], rows),
        );
      for (const each of silences)
        context.out.line(
          `silenced until ${iso(each.until)}: ${each.type}${each.source ? ` ${each.source}` : ""}`,
        );
      context.out.line(`last round of the monitor: ${lastRound === undefined ? "unknown" : iso(lastRound)}`);
      return undefined;
    },
  });
}

const typeOption = () => new Option("-t, --type <type>", "only alerts of this type").choices(TYPE_NAMES);
