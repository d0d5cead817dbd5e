/**
 * Actions that every process with the fleet's library answers; a test compares the list with a process. A program's own handlers
 * come first; the fleet's handler is always reached as `Fleet.<action>`.
 */
export const FLEET_ACTIONS = [
  "ADMIT_PEER",
  "AUDIT",
  "DRAIN",
  "EXPORT_KEYS",
  "EXPORT_STATE",
  "GET_CONFIG",
  "GET_KEYS",
  "GET_STATISTICS",
  "HEALTH_CHECK",
  "IMPORT_KEYS",
  "IMPORT_STATE",
  "Info",
  "LOGS",
  "PROBE_PEERS",
  "RESTORE_CONFIG",
  "RESUME",
  "RETIRE",
  "SEAL_KEYS",
  "SET_ALLOWED",
  "UNSEAL_KEYS",
  "UPDATE_CONFIG",
  "WIRE_PEERS",
] as const;

/** Prefix of an action's name that selects the fleet's handler, whatever handlers the program has. */
export const FLEET_PREFIX = "Fleet.";

/** Prefix of the names of the library's own handlers in aos (`handlers.lua`). */
export const HANDLER_PREFIX = "ao-fleet.";

/** Tags of a message that is meant for the fleet's action even if the program has one of the same name. */
export const FLEET_REQUEST = { "Fleet-Request": "1" } as const;
