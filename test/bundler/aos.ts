import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, vi } from "vitest";

/** One message to a process: an Eval by its owner, or a message with an action. */
export type AosStep =
  | { readonly eval: string }
  | { readonly action: string; readonly data?: string; readonly tags?: Readonly<Record<string, string>> };

export interface AosStepResult {
  readonly output: string;
  readonly error: string | undefined;
  readonly messages: { target: string; data: string; tags: { name: string; value: string }[] }[];
}

/** Newest first; the last one does not accept string patterns in `Handlers.add`. */
export const IMAGES = ["aos2_0_6", "aos2_0_3", "aos2_0_1", "aos"] as const;

// Booting an image and copying its memory takes seconds on a busy machine.
vi.setConfig({ testTimeout: 120_000 });

let child: ChildProcess | undefined;
let next = 0;
const waiting = new Map<number, { resolve(results: AosStepResult[]): void; reject(error: Error): void }>();

function start(): ChildProcess {
  const started = fork(fileURLToPath(new URL("./aos-child.ts", import.meta.url)), [], {
    execArgv: ["--experimental-wasm-memory64", "--no-warnings"],
    serialization: "advanced",
  });
  started.on(
    "message",
    ({ id, results, failure }: { id: number; results: AosStepResult[]; failure?: string }) => {
      const asked = waiting.get(id);
      waiting.delete(id);
      if (failure === undefined) asked?.resolve(results);
      else asked?.reject(new Error(failure));
    },
  );
  started.on("exit", (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`aos ended with ${code}`));
    waiting.clear();
  });
  return started;
}

/** Sends the steps, in order, to a fresh process of real aos. */
export function aos(steps: readonly AosStep[], image: string = IMAGES[0]): Promise<AosStepResult[]> {
  child ??= start();
  const id = next++;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    child?.send({ id, image, steps });
  });
}

/** Evaluates strings one after another in one new process. Returns the last output, throws on any error. */
export async function evaluate(...texts: string[]): Promise<string> {
  const results = await aos(texts.map((text) => ({ eval: text })));
  const failed = results.find(({ error }) => error !== undefined);
  if (failed) throw new Error(failed.error);
  return results[results.length - 1]?.output ?? "";
}

afterAll(() => {
  child?.kill();
  child = undefined;
});
