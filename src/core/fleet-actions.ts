/**
 * Actions that every process with the fleet's library answers, and to whom: `open` to anyone, `closed` to strangers, `control` also
 * requires an epoch. A test compares them with a process. A program's own handlers come first; the fleet's handler is always reached as
 * `Fleet.<action>`.
 */
const ACCESS = {
  ADMIT_PEER: "control",
  AUDIT: "closed",
  DRAIN: "control",
  EXPORT_KEYS: "closed",
  EXPORT_STATE: "closed",
  GET_CONFIG: "closed",
  GET_KEYS: "open",
  GET_STATISTICS: "open",
  HEALTH_CHECK: "open",
  IMPORT_KEYS: "control",
  IMPORT_STATE: "control",
  Info: "open",
  LOGS: "closed",
  PROBE_PEERS: "closed",
  RESTORE_CONFIG: "control",
  RESUME: "control",
  RETIRE: "control",
  SEAL_KEYS: "control",
  SET_ALLOWED: "closed",
  UNSEAL_KEYS: "control",
  UPDATE_CONFIG: "control",
  WIRE_PEERS: "control",
} as const;
export type FleetAction = keyof typeof ACCESS;

export const FLEET_ACTIONS = Object.keys(ACCESS) as readonly FleetAction[];

/** Actions that a process refuses to strangers. */
export const GUARDED_ACTIONS: readonly FleetAction[] = FLEET_ACTIONS.filter(
  (action) => ACCESS[action] !== "open",
);

/** Actions of the library's router that a process refuses to strangers, if it has them. A test compares them with a router. */
export const ROUTER_ACTIONS = ["PROVE_TARGETS", "SET_TRAFFIC", "TRAFFIC_COMMAND"] as const;

/** Prefix of an action's name that selects the fleet's handler, whatever handlers the program has. */
export const FLEET_PREFIX = "Fleet.";

/** Prefix of the names of the library's own handlers in aos (`handlers.lua`). */
export const HANDLER_PREFIX = "ao-fleet.";

/** Tags of a message that is meant for the fleet's action even if the program has one of the same name. */
export const FLEET_REQUEST = { "Fleet-Request": "1" } as const;
