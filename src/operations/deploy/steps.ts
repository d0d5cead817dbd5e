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

/** Reads the lines that were appended to a file of events since the last call. */
function readerOf(path: string, { onStep, onFailure }: Listener): () => Promise<void> {
  let offset = 0;
  return async () => {
    if (!existsSync(path)) return;
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      if (size <= offset) return;
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - offset), 0, size - offset, offset);
      // An incomplete last line is read the next time.
      const whole = buffer.subarray(0, bytesRead).lastIndexOf("\n") + 1;
      offset += whole;
      for (const line of buffer.toString("utf8", 0, whole).split("\n")) {
        // A full disk tears lines.
        const event = jsonIn(line);
        const step = stepIn(event);
        const failure = step === undefined ? failureIn(event) : undefined;
        if (step !== undefined) onStep?.(step);
        if (failure !== undefined) onFailure?.(failure);
      }
    } finally {
      await file.close();
    }
  };
}

/** Reads a whole file of events (FLEET_EVENTS). */
export const readSteps = (path: string, listener: Listener): Promise<void> => readerOf(path, listener)();

/**
 * Follows the file to which the program and the providers append their events as JSON lines (FLEET_EVENTS). `stop` still reads what was
 * written by then.
 */
export function followSteps(path: string, listener: Listener): { stop(): Promise<void> } {
  const read = readerOf(path, listener);
  let ended = false;
  const loop = (async () => {
    while (!ended) {
      await read();
      await sleep(100);
    }
    await read();
  })();
  return {
    async stop() {
      ended = true;
      await loop;
    },
  };
}
