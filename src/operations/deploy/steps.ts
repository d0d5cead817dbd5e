import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { StepEvent } from "../../fleet/session/progress.ts";
import { isStepPhase } from "../../fleet/session/step-phases.ts";

const StepSchema = z.looseObject({
  name: z.string(),
  phase: z.custom(isStepPhase),
  detail: z.string(),
  seconds: z.number().optional(),
});

/** Whether a line is a step of this version. A package of another version may write others. */
const isStep = (value: unknown): value is StepEvent => StepSchema.safeParse(value).success;

/**
 * Follows the file to which the providers append their steps as JSON lines (FLEET_EVENTS). `stop` still reads what was written by then.
 */
export function followSteps(path: string, onStep: (event: StepEvent) => void): { stop(): Promise<void> } {
  let offset = 0;
  let ended = false;
  const read = async () => {
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
        if (isStep(event)) onStep(event);
      }
    } finally {
      await file.close();
    }
  };
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
