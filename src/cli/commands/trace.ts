import type { Command } from "commander";
import { z } from "zod";
import { amount } from "../../core/amount.ts";
import { FleetError } from "../../core/errors.ts";
import { luaExplainer } from "../../fleet/code/lua-errors.ts";
import { servingIn } from "../../fleet/members/known-fleet.ts";
import type { Member } from "../../fleet/members/member.ts";
import { stoppedText } from "../../fleet/members/ruined.ts";
import { hopLines } from "../../operations/trace/lines.ts";
import { isUnread, searchedIn, unreadText } from "../../operations/trace/log-entries.ts";
import { traceOf } from "../../operations/trace/trace.ts";
import { type Cli, count, defineCommand } from "../command.ts";
import { EXIT } from "../exit.ts";

const Options = z.looseObject({ reach: z.number() });

export function traceCommand(cli: Cli): Command {
  return defineCommand(cli, {
    name: "trace",
    summary: "follow one request through all processes",
    description:
      "Finds the messages with a correlation id in all processes of the fleet, the messages that they caused, and so on, sorted by time. " +
      "Reads only; needs no wallet. Exit code 1 if there are none, one of them failed, no result could be read, or a process is not on the network.",
    examples: [
      ["npx fleet trace 3f1c…", "by a client's Correlation-Id, or by a message id"],
      [
        "npx fleet call coordinator ROUTE --data '…' --verbose",
        "print the id of a message on stderr, to trace it",
      ],
    ],
    define(command) {
      command
        .argument("<id>", "Correlation-Id or message id")
        .option("--reach <number>", "maximum number of slots per process to search", count(1), 500);
    },
    options: Options,
    async run(context, { reach }, [id = ""]) {
      const fleet = await context.fleet({ journal: "discard", wallet: false });
      const history = await context.host.history(fleet, 60);
      const unknown: Member[] = [];
      const hops = await traceOf(history, servingIn(fleet), id, reach, (member) => unknown.push(member));
      for (const { name, processId } of unknown)
        context.out.alert(`${name}: the network of this stack has no process ${processId} [PROCESS_UNKNOWN]`);
      if (hops.length === 0) {
        throw new FleetError({
          code: "TRACE_EMPTY",
          what: `No process of the stack ${fleet.stack} has a message with the correlation id ${id}.`,
          expected: `a match in the last ${amount(reach, "message")} of each process`,
          remedy: "Check the id, or search more slots with --reach.",
        });
      }
      const explain = luaExplainer(fleet.session.scope.home);
      const failed = hops.some(({ status }) => status === "error");
      const read = searchedIn(
        hops.map(({ slot, status }) => (status === "none" ? { slot } : { slot, result: status })),
      );
      const success = !failed && !isUnread(read) && unknown.length === 0;
      for (const hop of hops) {
        const code = servingIn(fleet).find(({ processId }) => processId === hop.processId)?.sourceHash;
        const error = hop.error === undefined ? undefined : await explain(hop.error, code);
        context.out.quote(hopLines(hop, error));
      }
      const gap = unreadText(read);
      if (gap !== undefined) context.out.alert(`${gap}: messages that these sent may be missing`);
      for (const member of servingIn(fleet)) {
        const stopped = history.stopped?.(member.processId);
        if (stopped !== undefined) context.out.alert(`${member.name}: ${stoppedText(member, stopped)}`);
      }
      context.out.document({
        success,
        id,
        ...read,
        ...(unknown.length === 0 ? {} : { unknown: unknown.map(({ name }) => name) }),
        hops,
      });
      return success ? EXIT.ok : EXIT.failed;
    },
  });
}
