import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
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
  problems: ProblemsSchema.optional(),
});

const FailureSchema = z.looseObject({
  phase: z.undefined().optional(),
  member: z.string().optional(),
  problems: ProblemsSchema,
});

/** Whether a line is a step of this version. A package of another version may write others. */
const isStep = (value: unknown): value is StepEvent => StepSchema.safeParse(value).success;

/** Whether a line is a failure that is no step. */
const isFailure = (value: unknown): value is FailureEvent => FailureSchema.safeParse(value).success;

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
        const event: unknown = line === "" ? undefined : JSON.parse(line);
        if (isStep(event)) onStep?.(event);
        else if (isFailure(event)) onFailure?.(event);
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
