import { parentPort } from "node:worker_threads";
import type { ModuleSource } from "../evaluator.ts";
import { type EvaluatedMessage, type EvaluationResult, tagValue } from "../types.ts";
import { type Environment, ImageInstance } from "./instance.ts";

/** A request of the pool. */
export type Order = { readonly module: string; readonly source?: ModuleSource } & (
  | {
      readonly kind: "evaluate";
      readonly env: Environment;
      readonly message: EvaluatedMessage;
      /** A tag means the memory with that tag, which the instance holds. */
      readonly snapshot: Uint8Array | null | number;
      /** The tag of the new snapshot. */
      readonly tag: number;
      readonly keep: boolean;
    }
  | { readonly kind: "expand"; readonly snapshot: Uint8Array }
);

/**
 * The worker's answer. `failure` and `released` mean that nothing was evaluated; the second, that the instance does not hold that memory.
 * `isCutOff`: the pool ended it at its time limit.
 */
export type Answer =
  | {
      readonly snapshot: Uint8Array | null;
      readonly result: EvaluationResult;
      readonly holds: number | null;
      readonly isCutOff?: true;
    }
  | { readonly memory: Uint8Array }
  | { readonly released: true }
  | { readonly failure: string };

interface Image {
  readonly compiled: WebAssembly.Module;
  readonly options: object;
  instance: ImageInstance | null;
}

// Only a few images have an instance, because each has its own memory.
const MAX_LIVE = 3;
// One process' large memory must not be kept for all others: a larger instance is dropped when another memory is loaded.
const MAX_SHARED = 384 * 1024 * 1024;
const images = new Map<string, Image>();
// The loader would print debugging output: a worker prints nothing.
console.log = () => {};
console.error = () => {};

async function instanceOf(order: Order): Promise<{ image: Image; instance: ImageInstance }> {
  let image = images.get(order.module);
  if (image === undefined) {
    if (order.source === undefined) throw new Error(`module ${order.module} was not sent`);
    image = {
      compiled: await WebAssembly.compile(Buffer.from(order.source.wasm)),
      options: loaderOptions(order.source),
      instance: null,
    };
  }
  images.delete(order.module);
  images.set(order.module, image);
  const another = order.kind === "evaluate" && typeof order.snapshot !== "number";
  if (another && (image.instance?.size ?? 0) > MAX_SHARED) image.instance = null;
  image.instance ??= await ImageInstance.create(image.compiled, image.options);
  const live = [...images.values()].filter((each) => each.instance !== null);
  for (const idle of live.slice(0, -MAX_LIVE)) idle.instance = null;
  return { image, instance: image.instance };
}

function loaderOptions({ tags }: ModuleSource): object {
  const [size, unit] = (tagValue(tags, "Memory-Limit") ?? "1-gb").split("-");
  const scale = { kb: 1 << 10, mb: 1 << 20, gb: 1 << 30 }[unit ?? "gb"] ?? 1 << 30;
  return {
    format: tagValue(tags, "Module-Format"),
    inputEncoding: tagValue(tags, "Input-Encoding"),
    outputEncoding: tagValue(tags, "Output-Encoding"),
    memoryLimit: String(Number(size) * scale),
    computeLimit: Number(tagValue(tags, "Compute-Limit") ?? 9_000_000_000_000),
    extensions: [],
  };
}

async function execute(order: Order): Promise<Answer> {
  const { image, instance } = await instanceOf(order);
  if (order.kind === "expand") return { memory: instance.expand(order.snapshot) };
  // The instance was dropped for another image's, or has evaluated for another process.
  if (typeof order.snapshot === "number" && instance.holds !== order.snapshot) return { released: true };
  try {
    const { snapshot, result } = await instance.evaluate(
      typeof order.snapshot === "number" ? "held" : order.snapshot,
      order.message,
      order.env,
      order.keep,
    );
    if (snapshot !== null) instance.holds = order.tag;
    // As on a compute unit, nothing outside of the memory survives.
    if (instance.isSpent) {
      image.instance = null;
      return { snapshot, result, holds: null };
    }
    return { snapshot, result, holds: instance.holds };
  } catch (trap) {
    // After a trap or an exit the instance's state is undefined: the next evaluation gets a new one.
    image.instance = null;
    const result = { Output: "", Messages: [], Assignments: [], Spawns: [], Error: String(trap) };
    return { snapshot: null, result, holds: null };
  }
}

parentPort?.on("message", (order: Order) => {
  execute(order).then(
    (answer) => parentPort?.postMessage(answer),
    (reason) => parentPort?.postMessage({ failure: String(reason) } satisfies Answer),
  );
});
