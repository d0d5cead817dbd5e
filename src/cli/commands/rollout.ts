import type { Command } from "commander";
import { z } from "zod";
import type { Problem } from "../../core/errors.ts";
import { AFTER_APPROVAL } from "../../delivery/index.ts";
import { tableName } from "../../delivery/table.ts";
import type { TrafficCommand } from "../../delivery/wire.ts";
import { commandTraffic } from "../../fleet/protocol/traffic.ts";
import { trafficOf } from "../../operations/observe/traffic.ts";
import { noRouter, routerIn } from "../../operations/rollout/router.ts";
import { type Cli, defineCommand, seconds } from "../command.ts";
import { ROLLOUT_UNREAD, trafficLines } from "../traffic.ts";

interface Words {
  readonly summary: string;
  readonly description: string;
  readonly example: string;
  /** What the router did. */
  readonly done: string;
  /** What the router did if it only keeps the command for the next run. @default `done` */
  readonly kept?: string;
  /** What still happens if the router carried the command out at once. */
  readonly after?: (onStack: string) => string;
  /** The next command if the step is held, because the run that deployed it has exited. */
  readonly next?: (onStack: string) => string;
}

const WORDS: Readonly<Record<TrafficCommand, Words>> = {
  promote: {
    summary: "continue a rollout: past a gate or a hold, or to the next step at once",
    description:
      "A rollout under way goes to its next step when its run next asks the router, up to six times in an interval. A rollout on hold is judged again by the next `fleet deploy` and continues past a " +
      "gate, past missing data, and past a failed check if the strategy does not roll back by itself (`freeze`, `hold`). If it does " +
      "(`onFailure: rollback`, the default), a check that fails by then reverts it, unless its state cannot go back.",
    example: "the new revision gets its next share",
    done: "Promoted",
    next: (on) => `Next: npx fleet deploy${on} ${AFTER_APPROVAL}.`,
  },
  pause: {
    summary: "pause a rollout at its present shares",
    description:
      "The run that watches the rollout exits with code 4. The shares stay until resume or abort, without a lease.",
    example: "keep the present shares",
    done: "Paused",
    next: (on) => `Next: npx fleet resume${on}, then npx fleet deploy${on} ${AFTER_APPROVAL}.`,
  },
  resume: {
    summary: "resume a paused rollout",
    description: "Ends a pause. The next `fleet deploy` continues at the same step.",
    example: "then npx fleet deploy continues",
    done: "Resumed",
    next: (on) => `Next: npx fleet deploy${on} ${AFTER_APPROVAL}.`,
  },
  abort: {
    summary: "abort a rollout and return all traffic",
    description:
      "Returns the router to its last proven table, whether a deployment is running or not. The new revisions stay, without traffic. While " +
      "the state is with the new revision, the traffic stays there, too, until the run that watches the rollout returns both. If none does, " +
      "the next `fleet deploy --refresh` tries to. Until then, `promote`, `pause` and `resume` are refused (`ABORT_PENDING`).",
    example: "return all traffic",
    done: "Aborted, all traffic returned",
    kept: "Abort requested, no traffic returned yet, because the state is with the new revision",
    after: (on) =>
      "State that the new revision had returns with the run that watches the rollout; until then the old revision refuses those callers (DRAINING). " +
      `If no run watches it, the next npx fleet deploy${on} returns it, of this release or another; the same release starts the rollout again.`,
    next: (on) =>
      `Next: the run that watches the rollout returns state and traffic; it asks the router at least every 30 s. If none does, npx fleet deploy --refresh${on}, of this release or another, tries to.`,
  },
};

const commandOf =
  (command: TrafficCommand) =>
  (cli: Cli): Command =>
    defineCommand(cli, {
      name: command,
      summary: WORDS[command].summary,
      description: `${WORDS[command].description} Sends one message to the router; needs no stack lock.`,
      examples: [[`npx fleet ${command}`, WORDS[command].example]],
      define(it) {
        it.option("--router <member>", "member that carries the router (default: from the stack's state)")
          .option("--release <hash>", "fail unless this release is being rolled out")
          .option("--timeout <seconds>", "time limit for the router", seconds, 30);
      },
      options: z.looseObject({
        router: z.string().optional(),
        release: z.string().optional(),
        timeout: z.number(),
      }),
      async run(context, { router: named, release, timeout }) {
        const fleet = await context.fleet({ journal: "keep" });
        const router = await routerIn(context, fleet, named);
        if (!router) throw noRouter(fleet);
        const order = release === undefined ? { command } : { command, release };
        const said = await commandTraffic(fleet.session, router, order, fleet.session.budget(timeout));
        let unread: Problem | undefined;
        const traffic = await trafficOf(fleet, router, { quick: false, seconds: timeout }, (problem) => {
          unread = problem;
          context.out.problem("alert", problem, ROLLOUT_UNREAD);
        });
        const { done, after, next, kept = done } = WORDS[command];
        const isHeld = said.mode === "held";
        context.out.line(`${isHeld ? kept : done}: ${tableName(said)}.`);
        const more = isHeld ? next : after;
        if (more !== undefined) context.out.line(more(context.onStack));
        for (const line of traffic ? trafficLines(traffic) : []) context.out.line(line);
        context.out.document({
          success: true,
          command,
          release: said.release,
          step: said.step,
          mode: said.mode,
          traffic: traffic ?? null,
          ...(unread === undefined ? {} : { trafficUnread: unread }),
        });
        return undefined;
      },
    });

export const promoteCommand = commandOf("promote");
export const pauseCommand = commandOf("pause");
export const resumeCommand = commandOf("resume");
export const abortCommand = commandOf("abort");
