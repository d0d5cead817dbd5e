import { hashOf } from "../../src/core/hash.ts";
import type { Request } from "./fleet.ts";
import { isObject, type Json, Refusal } from "./reply.ts";

/** EXPORT_STATE: all states with the digest of their canonical JSON. Lossless ones stay as they came. */
export function exportState({ fleet, state, message }: Request): Json {
  const states = state.script.state ?? fleet.state;
  const exported =
    state.script.state === undefined && fleet.tables !== undefined
      ? { schema: 3, stateVersion: "1", states, tables: fleet.tables }
      : { schema: 1, stateVersion: "1", states };
  const globals = { carried: [], left: [], unknown: [], waiting: 0 };
  const code = { count: 0, items: [], notCompared: [] };
  return { state: exported, digest: hashOf(exported), slot: message.slot, globals, resettable: [], code };
}

/** IMPORT_STATE: accepted as a whole, or refused. */
export function importState({ fleet, data }: Request): Json {
  const { state, digest } = data;
  const actual = hashOf(state);
  if (actual !== digest)
    throw new Refusal(
      "DIGEST_MISMATCH",
      `the state has the digest ${actual}, which differs from the given one`,
      "Send the state exactly as returned by EXPORT_STATE, with its digest.",
    );
  if (
    !isObject(state) ||
    (state.schema !== 1 && !(state.schema === 3 && Array.isArray(state.tables))) ||
    !isObject(state.states) ||
    typeof state.stateVersion !== "string"
  )
    throw new Refusal(
      "BAD_STATE",
      "the state is not in the format of this library's EXPORT_STATE",
      "Export it from a process of this fleet.",
    );
  fleet.state = { ...fleet.state, ...state.states };
  if (state.schema === 3) fleet.tables = state.tables as unknown[];
  else delete fleet.tables;
  return { digest: actual };
}

/** GET_KEYS of a program that keeps nothing by key. */
export const keys = (): Json => ({ open: 0, salt: "", sealed: [], states: [] });

/** EXPORT_KEYS of such a program. */
export function exportKeys({ message }: Request): Json {
  const exported = { schema: 1, stateVersion: "1", states: {} };
  return { state: exported, digest: hashOf(exported), slot: message.slot };
}
