import { once } from "node:events";
import type { Command } from "commander";
import { z } from "zod";
import { type Cli, count, defineCommand, seconds } from "../command.ts";
import { runRollback } from "../dashboard/rollback.ts";
import { EXIT } from "../exit.ts";
import { untilSignal } from "../until-signal.ts";

const Options = z.looseObject({
  host: z.string(),
  port: z.number(),
  every: z.number(),
  allowActions: z.boolean().default(false),
});

export function dashboardCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "dashboard",
    summary: "show the running fleet in the browser",
    description:
      "Serves a page with the dependency graph, health, releases and their differences, traffic, alerts, and the messages and audit of " +
      "every process. Reads from the processes while a page is open. Read-only unless --allow-actions is given: the address then contains a " +
      "token, without which nothing is shown or signed.",
    examples: [
      ["npx fleet dashboard", "print the address and serve until Ctrl-C"],
      [
        "npx fleet dashboard --allow-actions",
        "allow promote, pause, abort, rollback and acknowledge on the page",
      ],
      [
        "npx fleet dashboard --host 0.0.0.0 --port 8080",
        "serve other machines too; the address contains a token",
      ],
    ],
    define(command) {
      command
        .option(
          "--host <address>",
          "address to listen on; any address but loopback requires the token in the printed address",
          "127.0.0.1",
        )
        .option("--port <number>", "port to listen on; 0 chooses a free port", count(0), 0)
        .option("--every <seconds>", "pause between two reads of the fleet", seconds, 5)
        .option("--allow-actions", "allow actions on the page, signed by the stack's wallet");
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
        allowActions ? "actions allowed; press Ctrl-C to stop" : "read-only; press Ctrl-C to stop",
      );
      const ended = untilSignal();
      await once(ended.signal, "abort");
      ended.forget();
      await dashboard.close();
      return EXIT.ok;
    },
  });
}
