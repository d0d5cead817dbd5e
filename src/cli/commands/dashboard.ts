import type { Command } from "commander";
import { z } from "zod";
import { type Cli, count, defineCommand, seconds } from "../command.ts";
import { runRollback } from "../dashboard/rollback.ts";
import { EXIT } from "../exit.ts";

const Options = z.looseObject({
  host: z.string(),
  port: z.number(),
  every: z.number(),
  allowActions: z.boolean().default(false),
});

export function dashboardCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "dashboard",
    summary: "show the running fleet as a page in the browser, live",
    description:
      "The graph with health, releases and what differs between them, traffic, alerts, messages by slot and the audit of every " +
      "process, asked from the processes themselves while somebody looks. Only shows, unless it may act.",
    examples: [
      ["npx fleet dashboard", "prints the address; Ctrl-C ends it"],
      [
        "npx fleet dashboard --allow-actions",
        "promote, pause, abort, roll back and acknowledge from the page",
      ],
      ["npx fleet dashboard --host 0.0.0.0 --port 8080", "for others too; the address then carries a token"],
    ],
    define(command) {
      command
        .option(
          "--host <address>",
          "address to listen on; any but this machine's own asks for a token",
          "127.0.0.1",
        )
        .option("--port <number>", "port to listen on; 0 takes any free one", count(0), 0)
        .option("--every <seconds>", "pause between two looks at the fleet", seconds, 5)
        .option("--allow-actions", "let the page act in the name of the stack's wallet");
    },
    options: Options,
    async run(context, { host, port, every, allowActions }) {
      const fleet = await context.fleet({ journal: "discard", wallet: allowActions });
      const [{ serveDashboard }, { fleetSource }] = await Promise.all([
        import("../../dashboard/server.ts"),
        import("../../operations/view/source.ts"),
      ]);
      const source = fleetSource(context, fleet, (...action) => runRollback(context, ...action));
      const dashboard = await serveDashboard(source, { host, port, everySeconds: every, allowActions });
      context.out.line(dashboard.url);
      context.out.document({ success: true, url: dashboard.url, actions: allowActions });
      context.out.note(
        allowActions ? "Ctrl-C ends it; the page may act" : "Ctrl-C ends it; the page only shows",
      );
      await new Promise<void>((done) => {
        for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => done());
      });
      await dashboard.close();
      return EXIT.ok;
    },
  });
}
