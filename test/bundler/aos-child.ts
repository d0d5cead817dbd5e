/** Runs in a process of its own because aos' images need a Node flag. Evaluates what the parent sends. */
import { createRequire } from "node:module";
import { imageBytes } from "../kit/images.ts";
import type { AosStep, AosStepResult } from "./aos.ts";

const require = createRequire(import.meta.url);
type Handle = (memory: unknown, message: object, env: object) => Promise<RawResult>;
interface RawResult {
  Memory: unknown;
  Error?: unknown;
  Output?: { data?: string | { output?: string } };
  Messages?: { Target: string; Data?: string; Tags: { name: string; value: string }[] }[];
}
const AoLoader = require("@permaweb/ao-loader") as (wasm: Buffer, options: object) => Promise<Handle>;

const PROCESS = "process".padEnd(43, "p");
const OWNER = "owner".padEnd(43, "o");
const env = {
  Process: { Id: PROCESS, Owner: OWNER, Tags: [{ name: "Name", value: "test" }] },
  Module: { Id: "module".padEnd(43, "m"), Tags: [] },
};

let count = 0;
function message(fields: object): object {
  count++;
  return {
    Id: String(count).padStart(43, "0"),
    Target: PROCESS,
    Owner: OWNER,
    From: OWNER,
    Module: env.Module.Id,
    "Block-Height": "1",
    Timestamp: "1700000000000",
    Data: "",
    Tags: [],
    ...fields,
  };
}

async function boot(image: string): Promise<{ handle: Handle; memory: unknown }> {
  const wasm = imageBytes(`${image}.wasm`);
  const handle = await AoLoader(wasm, {
    format: "wasm64-unknown-emscripten-draft_2024_02_15",
    memoryLimit: "17179869184",
    computeLimit: "9000000000000",
    extensions: [],
  });
  const tags = [{ name: "Type", value: "Process" }];
  const { Memory } = await handle(null, message({ Id: PROCESS, Tags: tags }), env);
  return { handle, memory: Memory };
}

const booted = new Map<string, ReturnType<typeof boot>>();

async function run(image: string, steps: readonly AosStep[]): Promise<AosStepResult[]> {
  let pristine = booted.get(image);
  if (!pristine) {
    pristine = boot(image);
    booted.set(image, pristine);
  }
  const { handle, memory } = await pristine;
  let current = memory;
  const results: AosStepResult[] = [];
  for (const step of steps) {
    const fields =
      "eval" in step
        ? { Data: step.eval, Tags: [{ name: "Action", value: "Eval" }] }
        : {
            Data: step.data ?? "",
            Tags: Object.entries({ Action: step.action, ...step.tags }).map(([name, value]) => ({
              name,
              value,
            })),
          };
    const raw = await handle(current, message(fields), env);
    // As on the real units: a failed evaluation leaves the memory unchanged.
    if (!raw.Error) current = raw.Memory;
    const data = raw.Output?.data;
    results.push({
      output: (typeof data === "object" ? data.output : data) ?? "",
      error: raw.Error === undefined || raw.Error === null ? undefined : String(raw.Error),
      messages: (raw.Messages ?? []).map(({ Target, Data, Tags }) => ({
        target: Target,
        data: Data ?? "",
        tags: Tags,
      })),
    });
  }
  return results;
}

process.on("message", ({ id, image, steps }: { id: number; image: string; steps: AosStep[] }) => {
  run(image, steps).then(
    (results) => process.send?.({ id, results }),
    (error: unknown) => process.send?.({ id, failure: String(error) }),
  );
});
