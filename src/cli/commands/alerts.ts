import { userInfo } from "node:os";
import { Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { FleetError } from "../../core/errors.ts";
import {
  type Alert,
  acknowledge,
  type Book,
  isOpen,
  openByLevel,
  resolve,
  silence,
  unsilence,
} from "../../monitor/book.ts";
import { deliver } from "../../monitor/notify/send.ts";
import { TYPE_NAMES, TYPES } from "../../monitor/types.ts";
import { readAlerts, updateAlerts } from "../../operations/observe/alert-book.ts";
import { testOne } from "../../operations/observe/alert-test.ts";
import { settingsOf } from "../../operations/observe/files.ts";
import { readStackConfig } from "../../operations/workspace/stack-config.ts";
import { type Cli, defineCommand } from "../command.ts";
import { EXIT } from "../exit.ts";
import { table } from "../table.ts";

/** `fleet alerts`: what `fleet monitor` raised. */
export function alertsCommand(cli: Cli): Command {
  const group = new Command("alerts")
    .summary("list, acknowledge, silence and test alerts")
    .description(
      "The alerts that `fleet monitor` raises and keeps in .fleet/monitor; docs/how-to/alerts.md describes them.",
    );
  const byId = (
    name: "acknowledge" | "resolve",
    summary: string,
    description: string,
    change: (book: Book, id: string, by: string, now: number) => Book,
  ) =>
    defineCommand(cli, {
      name,
      summary,
      description,
      examples: [[`npx fleet alerts ${name} alert-7`, "the alert that list shows as alert-7"]],
      define(command) {
        command.argument("<alerts...>", "ids, as list shows them");
      },
      options: z.looseObject({}),
      async run(context, _options, ids) {
        const now = Date.now();
        const book = await updateAlerts(context, (before) =>
          ids.reduce((after, id) => change(after, id, userInfo().username, now), before),
        );
        const changed = book.alerts.filter(({ alertId }) => ids.includes(alertId));
        for (const alert of changed) context.out.line(`${alert.alertId} ${alert.state}`);
        context.out.document({ success: true, alerts: changed.map(plain) });
        return undefined;
      },
    });

  group.addCommand(
    defineCommand(cli, {
      name: "list",
      summary: "show alerts, the newest last",
      description: "Open and acknowledged ones. Exit code 0 also when there are some.",
      examples: [
        ["npx fleet alerts list", "what is not resolved"],
        ["npx fleet alerts list --all", "and what is over, three days back"],
      ],
      define(command) {
        command.option("-a, --all", "resolved ones too").addOption(typeOption());
      },
      options: z.looseObject({ all: z.boolean().default(false), type: z.enum(TYPE_NAMES).optional() }),
      async run(context, { all, type }) {
        const book = await readAlerts(context);
        const alerts = book.alerts.filter(
          (alert) => (all || isOpen(alert)) && (type === undefined || alert.type === type),
        );
        const silences = book.silences.filter(({ until }) => until > Date.now());
        context.out.document({
          success: true,
          alerts: alerts.map(plain),
          counts: openByLevel(book.alerts),
          silences: silences.map(({ until, ...rest }) => ({ ...rest, until: iso(until) })),
        });
        if (alerts.length === 0) context.out.line(all ? "no alerts" : "no open alerts");
        const rows = alerts.map(({ alertId, level, state, type: kind, source, count, raisedAt, message }) => [
          ...[alertId, level, state, kind, source],
          ...[String(count), iso(raisedAt), message],
        ]);
        if (rows.length > 0)
          for (const line of table(
            ["id", "level", "state", "type", "source", "rounds", "since", "message"],
            rows,
          ))
            context.out.line(line);
        for (const each of silences)
          context.out.line(
            `silenced until ${iso(each.until)}: ${each.type}${each.source ? ` ${each.source}` : ""}`,
          );
        return undefined;
      },
    }),
  );
  group.addCommand(
    byId(
      "acknowledge",
      "say that somebody knows of it",
      "An acknowledged alert does not escalate any more; it resolves by itself.",
      acknowledge,
    ),
  );
  group.addCommand(
    byId(
      "resolve",
      "say that it is over",
      "For what does not resolve by itself: an executed rollback. What still holds is raised anew after the cooldown.",
      resolve,
    ),
  );
  group.addCommand(
    defineCommand(cli, {
      name: "silence",
      summary: "raise no alerts of a type for a while",
      description: "Of one source, or of all. Alerts that are open stay open, and do not escalate.",
      examples: [
        [
          "npx fleet alerts silence PROCESS_OFFLINE --source shop --minutes 30",
          "while shop is being worked on",
        ],
      ],
      define(command) {
        command
          .argument("<type>", "type of alert")
          .option("--source <name>", "only of this source: a process, a deployment")
          .option("--minutes <number>", "for so long", minutes, 60);
      },
      options: z.looseObject({ source: z.string().optional(), minutes: z.number() }),
      async run(context, { source, minutes }, [name = ""]) {
        const type = typeNamed(name);
        const until = Date.now() + minutes * 60_000;
        const key = { type, ...(source === undefined ? {} : { source }) };
        await updateAlerts(context, (book) => silence(book, { ...key, until }));
        context.out.line(`silenced until ${iso(until)}`);
        context.out.document({ success: true, ...key, until: iso(until) });
        return undefined;
      },
    }),
  );
  group.addCommand(
    defineCommand(cli, {
      name: "unsilence",
      summary: "raise them again",
      description: "Ends a silence before its time. Name the source when it was silenced with one.",
      examples: [["npx fleet alerts unsilence PROCESS_OFFLINE --source shop", "shop is back"]],
      define(command) {
        command
          .argument("<type>", "type of alert")
          .option("--source <name>", "the source it was silenced with");
      },
      options: z.looseObject({ source: z.string().optional() }),
      async run(context, { source }, [name = ""]) {
        const key = { type: typeNamed(name), ...(source === undefined ? {} : { source }) };
        await updateAlerts(context, (book) => unsilence(book, key));
        context.out.line("not silenced any more");
        context.out.document({ success: true, ...key });
        return undefined;
      },
    }),
  );
  group.addCommand(
    defineCommand(cli, {
      name: "rules",
      summary: "check the settings and show the rules in force",
      description:
        "Reads monitoring.yaml as `fleet monitor` does. Every problem is shown at its place; exit code 1.",
      examples: [["npx fleet alerts rules --config monitoring.prod.yaml", "check a file"]],
      define(command) {
        command.option(
          "--config <file>",
          "settings (default: monitoring.<stack>.yaml, else monitoring.yaml)",
        );
      },
      options: z.looseObject({ config: z.string().optional() }),
      async run(context, { config }) {
        const { settings, file } = settingsOf(
          context.projectDir,
          await context.stack(),
          config,
          context.host.env,
        );
        const { alerts, limits, receivers } = settings;
        const rules = TYPE_NAMES.map((type) => ({
          type,
          level: alerts.levels[type] ?? TYPES[type],
          on: !alerts.off.includes(type),
        }));
        context.out.document({
          success: true,
          file: file ?? null,
          rules,
          limits,
          // Not their addresses: they are secrets.
          receivers: receivers.map(({ name, kind, minLevel }) => ({ name, kind, minLevel })),
        });
        context.out.line(file ?? "no monitoring.yaml: all defaults");
        const rows = rules.map(({ type, level, on }) => [type, on ? level : "off"]);
        for (const line of table(["type", "level"], rows)) context.out.line(line);
        for (const [name, value] of Object.entries(limits)) context.out.line(`${name} ${value}`);
        for (const { name, kind, minLevel } of receivers)
          context.out.line(`${name}: ${kind}, from ${minLevel} on`);
        return undefined;
      },
    }),
  );
  group.addCommand(
    defineCommand(cli, {
      name: "test",
      summary: "send a test alert to the receivers",
      description:
        "Sends one alert that says that it is a test, and its resolution, to every receiver of monitoring.yaml or to the one " +
        "named, whatever its minLevel. Exit code 1 when one does not take it.",
      examples: [["npx fleet alerts test --receiver ops", "is the webhook right?"]],
      define(command) {
        command
          .option("--receiver <name>", "only this one")
          .option("--config <file>", "settings (default: monitoring.<stack>.yaml, else monitoring.yaml)");
      },
      options: z.looseObject({ receiver: z.string().optional(), config: z.string().optional() }),
      async run(context, { receiver, config }) {
        const stack = await context.stack();
        const { settings } = settingsOf(context.projectDir, stack, config, context.host.env);
        const chosen = settings.receivers.filter(({ name }) => receiver === undefined || name === receiver);
        if (chosen.length === 0) {
          const names = settings.receivers.map(({ name }) => name);
          throw new FleetError({
            code: "NO_RECEIVER",
            what:
              receiver === undefined ? "No receiver is configured." : `There is no receiver "${receiver}".`,
            expected: names.length > 0 ? `one of ${names.join(", ")}` : "receivers in monitoring.yaml",
            remedy: "docs/how-to/alerts.md shows how to add one.",
          });
        }
        const { project } = readStackConfig(context.projectDir, stack);
        const origin = { project, stack, network: "test" };
        const sent = [];
        for (const each of chosen) {
          const { ok, reason } = await testOne((changes) =>
            deliver(each, changes, origin, { env: context.host.env }),
          );
          context.out.line(`${each.name}: ${ok ? "took it" : reason}`);
          sent.push({ receiver: each.name, ok, ...(reason === undefined ? {} : { reason }) });
        }
        const success = sent.every(({ ok }) => ok);
        context.out.document({ success, receivers: sent });
        return success ? EXIT.ok : EXIT.failed;
      },
    }),
  );
  return group;
}

/** For commander: a number of minutes, above zero and at most a week, as the ledger allows. */
function minutes(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0 || value > 10_080)
    throw new InvalidArgumentError("Give a number of minutes above zero, at most 10080.");
  return value;
}

const typeOption = () => new Option("-t, --type <type>", "only alerts of this type").choices(TYPE_NAMES);

function typeNamed(text: string) {
  const type = TYPE_NAMES.find((name) => name === text.toUpperCase());
  if (type) return type;
  throw new FleetError({
    code: "UNKNOWN_TYPE",
    what: `There is no type of alert "${text}".`,
    got: text,
    expected: `one of ${TYPE_NAMES.join(", ")}`,
    remedy: "npx fleet alerts rules lists them.",
  });
}

const iso = (at: number): string => new Date(at).toISOString();

const plain = ({ raisedAt, lastAt, acknowledgedAt, resolvedAt, ...alert }: Alert) => ({
  ...alert,
  raisedAt: iso(raisedAt),
  lastAt: iso(lastAt),
  ...(acknowledgedAt === undefined ? {} : { acknowledgedAt: iso(acknowledgedAt) }),
  ...(resolvedAt === undefined ? {} : { resolvedAt: iso(resolvedAt) }),
});
