import { isRecord } from "../../core/json.ts";
import { own } from "../../core/own.ts";
import type { Store } from "../store/store.ts";
import type { EvaluationResult, OutItem } from "../types.ts";

/** Part of the state that a node serves over HTTP. */
type State = Readonly<Record<string, unknown>>;

/** The tags by which a process publishes parts of its state: a message with one of them in its outbox is not delivered. */
const PATCH: Readonly<Record<string, string>> = { device: "patch@1.0", method: "PATCH" };

/** Tags of a patch that are no keys of the state. */
const NO_KEYS = new Set([
  "device",
  "method",
  "type",
  "variant",
  "data-protocol",
  "reference",
  "target",
  "action",
]);

export const isPatch = ({ Tags = [] }: OutItem): boolean =>
  Tags.some(({ name, value }) => PATCH[name.toLowerCase()] === value);

/** What an outbox sets in the served state. Values keep their types: aos writes them into the tags as they are. */
export function patchesOf({ Messages }: EvaluationResult): State[] {
  return Messages.filter(isPatch).map(({ Tags = [] }) =>
    Tags.filter(({ name }) => !NO_KEYS.has(name.toLowerCase()))
      .map(({ name, value }) => atPath(name, value))
      .reduce<State>(merged, {}),
  );
}

/** A key of a patch is a path: `fleet/state` sets a member. */
function atPath(name: string, value: unknown): State {
  const [first = name, ...deeper] = name.split("/").filter((part) => part !== "");
  return { [first]: deeper.reduceRight<unknown>((inner, part) => ({ [part]: inner }), value) };
}

/** Adds patches to the served state of a process. */
export function keepPatches(
  store: Pick<Store, "meta" | "setMeta">,
  process: string,
  patches: readonly State[],
): void {
  store.setMeta(keyOf(process), JSON.stringify(patches.reduce<State>(merged, patchedState(store, process))));
}

/** The state of a process that its patches have published so far. */
export function patchedState(store: Pick<Store, "meta">, process: string): State {
  return JSON.parse(store.meta(keyOf(process)) ?? "{}") as State;
}

/** The same, as it was after a slot. */
export function patchedStateAt(store: Pick<Store, "evaluations">, process: string, slot: number): State {
  return store
    .evaluations(process, { descending: false, limit: Number.MAX_SAFE_INTEGER })
    .filter(({ ordinate }) => ordinate <= slot)
    .flatMap(({ patches = [] }) => patches)
    .reduce<State>(merged, {});
}

function merged(state: State, patch: State): State {
  const both = Object.entries(patch).map(([key, value]) => {
    const earlier = own(state, key);
    return [key, isRecord(earlier) && isRecord(value) ? merged(earlier, value) : value] as const;
  });
  return { ...state, ...Object.fromEntries(both) };
}

const keyOf = (process: string) => `patched.${process}`;
