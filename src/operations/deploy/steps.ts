import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { jsonIn } from "../../core/json.ts";
import type { FailureEvent, StepEvent } from "../../fleet/session/progress.ts";
import { isStepPhase } from "../../fleet/session/step-phases.ts";

const ProblemsSchema = z
  .array(
    z.looseObject({
      code: z.string(),
      what: z.string(),
      got: z.string().optional(),
      expected: z.string().optional(),
      remedy: z.string(),
      at: z.string().optional(),
    }),
  )
  .min(1);

const StepSchema = z.looseObject({
  name: z.string(),
  phase: z.custom(isStepPhase),
  detail: z.string(),
  seconds: z.number().optional(),
  // A step counts without the problems that another version writes in another form.
  problems: ProblemsSchema.optional().catch(undefined),
});

/** A line that is a step of this version. A package of another version may write others. */
const stepIn = (line: unknown) => StepSchema.safeParse(line).data as StepEvent | undefined;

const FailureSchema = z.looseObject({
  phase: z.undefined().optional(),
  member: z.string().optional(),
  problems: ProblemsSchema,
});

/** A line that is a failure, and no step. */
const failureIn = (line: unknown) => FailureSchema.safeParse(line).data as FailureEvent | undefined;

/** Receives what the program and the providers report. */
interface Listener {
  readonly onStep?: (event: StepEvent) => void;
  readonly onFailure?: (event: FailureEvent) => void;
}

/** Reads the lines that were appended to a file of events since the last call that succeeded. */
function readerOf(path: string): () => Promise<string[]> {
  let offset = 0;
  return async () => {
    if (!existsSync(path)) return [];
    const whole = await wholeLines(path, offset);
    offset += whole.length;
    return whole.toString("utf8").split("\n");
  };
}

/** A file from an offset on, without an incomplete last line. */
async function wholeLines(path: string, offset: number): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    if (size <= offset) return Buffer.alloc(0);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - offset), 0, size - offset, offset);
    return buffer.subarray(0, buffer.subarray(0, bytesRead).lastIndexOf("\n") + 1);
  } finally {
    await file.close();
  }
}

function report(lines: readonly string[], { onStep, onFailure }: Listener): void {
  for (const line of lines) {
    // A full disk tears lines.
    const event = jsonIn(line);
    const step = stepIn(event);
    const failure = step === undefined ? failureIn(event) : undefined;
    if (step !== undefined) onStep?.(step);
    if (failure !== undefined) onFailure?.(failure);
  }
}

/** Reads a whole file of events (FLEET_EVENTS); one that cannot be read counts as empty. */
export const readSteps = async (path: string, listener: Listener): Promise<void> =>
  report(await readerOf(path)().catch(() => []), listener);

/**
 * Follows the file to which the program and the providers append their events as JSON lines (FLEET_EVENTS). `stop` still reads what was
 * written by then. What cannot be read is read the next time, if there is one: the run does not depend on it.
 */
export function followSteps(path: string, listener: Listener): { stop(): Promise<void> } {
  const read = readerOf(path);
  const next = async () => report(await read().catch(() => []), listener);
  let ended = false;
  const loop = (async () => {
    while (!ended) {
      await next();
      await sleep(100);
    }
    await next();
  })();
  return {
    async stop() {
      ended = true;
      await loop;
    },
  };
}
