import type { Command } from "commander";
import { z } from "zod";
import { GOES_ON } from "../../delivery/index.ts";
import { tableName } from "../../delivery/table.ts";
import type { TrafficCommand } from "../../delivery/wire.ts";
import { ask } from "../../fleet/protocol/ask.ts";
import { trafficOf } from "../../operations/observe/traffic.ts";
import { noRouter, routerIn } from "../../operations/rollout/router.ts";
import { type Cli, defineCommand, seconds } from "../command.ts";
import { trafficLines } from "../traffic.ts";

const SaidSchema = z.looseObject({ release: z.string(), step: z.number(), mode: z.string() });

interface Words {
  readonly summary: string;
  readonly description: string;
  readonly example: string;
  /** What the router did, by its own answer. */
  readonly done: string;
  /** What comes next where the step is held: a run that waits for a person has ended. */
  readonly next?: string;
}

const WORDS: Readonly<Record<TrafficCommand, Words>> = {
  promote: {
    summary: "let a rollout go on: past a gate, a hold, or to the next step at once",
    description:
      "A rollout under way goes to its next step now. One that waits is judged again by the next `fleet deploy`, and goes on: past a " +
      "gate, past too little to judge by, and past a check that fails where the strategy does not go back by itself (`freeze`, `hold`). " +
      "Where it does (`onFailure: rollback`, the default), a check that fails by then sends it back.",
    example: "the new revision gets its next share",
    done: "Promoted",
    next: `Next: npx fleet deploy ${GOES_ON}.`,
  },
  pause: {
    summary: "keep a rollout at the share that it has",
    description:
      "The run that watches it ends with exit code 4; the shares stay, without an end, until resume or abort.",
    example: "the shares stay as they are",
    done: "Paused",
    next: `Next: npx fleet resume, then npx fleet deploy ${GOES_ON}.`,
  },
  resume: {
    summary: "let a paused rollout go on",
    description: "Takes a pause back. The next `fleet deploy` goes on at the step where it was.",
    example: "then npx fleet deploy goes on",
    done: "Resumed",
    next: `Next: npx fleet deploy ${GOES_ON}.`,
  },
  abort: {
    summary: "send all traffic back to where it was before the rollout, at once",
    description:
      "The router returns to its last proven table with this message, whether anybody is deploying or not. The new revisions stay, " +
      "without traffic.",
    example: "all traffic is where it was",
    done: "Aborted: all traffic is where it was before",
  },
};

const commandOf =
  (command: TrafficCommand) =>
  (cli: Cli): Command =>
    defineCommand(cli, {
      name: command,
      summary: WORDS[command].summary,
      description: `${WORDS[command].description} It is a message to the router: no lock of the stack is needed.`,
      examples: [[`npx fleet ${command}`, WORDS[command].example]],
      define(it) {
        it.option(
          "--router <member>",
          "member that carries the router (default: the one that the stack's state names)",
        )
          .option("--release <hash>", "only if this release is being rolled out")
          .option("--timeout <seconds>", "until the router must have answered", seconds, 30);
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
        const { processId, generation } = router;
        const data = release === undefined ? { command } : { command, release };
        const request = { name: router.name, processId, generation, action: "TRAFFIC_COMMAND", data };
        const said = await ask(fleet.session, request, SaidSchema, fleet.session.budget(timeout));
        const traffic = await trafficOf(fleet, router, { quick: false, seconds: timeout });
        const { done, next } = WORDS[command];
        context.out.line(`${done}: ${tableName(said)}.`);
        if (next !== undefined && said.mode === "held") context.out.line(next);
        for (const line of traffic ? trafficLines(traffic) : []) context.out.line(line);
        context.out.document({
          success: true,
          command,
          release: said.release,
          step: said.step,
          mode: said.mode,
          traffic: traffic ?? null,
        });
        return undefined;
      },
    });

export const promoteCommand = commandOf("promote");
export const pauseCommand = commandOf("pause");
export const resumeCommand = commandOf("resume");
export const abortCommand = commandOf("abort");
