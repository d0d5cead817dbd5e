import { amount } from "../src/core/amount.ts";
import type { Problem } from "../src/core/errors.ts";
import type { FleetDeclaration, ProcessDeclaration } from "./declaration.ts";
import type { MemberConfig } from "./layers.ts";
import { routerOf } from "./strategy.ts";

/** Whether a member's bundle is free of the fleet's library: declared with `lib: false`, and the program does not require it. Pure. */
export const isWithoutLibrary = (
  { lib }: Pick<ProcessDeclaration, "lib">,
  modules: Readonly<Record<string, string>>,
): boolean => !lib && modules["fleet.dispatch"] === undefined;

/** A declared state as a program writes it. */
const asWritten = (state: ProcessDeclaration["state"]): string =>
  typeof state === "object" ? `{ globals: [${state.globals.join(", ")}] }` : state;

/** Every declaration of a member without the library that needs the library. The fleet's own settings skip such a member. Pure. */
export function problemsWithoutLibrary(
  name: string,
  process: ProcessDeclaration,
  fleet: FleetDeclaration,
  config: MemberConfig | undefined,
): Problem[] {
  const own = Object.entries(config?.origins ?? {}).flatMap(([type, origins]) =>
    Object.values(origins).some((origin) => origin.layer !== "fleet" && origin.member === name) ? [type] : [],
  );
  const needs: [field: string, got: string, isDeclared: boolean][] = [
    ["config", own.join(", "), own.length > 0],
    ["secrets", Object.keys(config?.secrets ?? {}).join(", "), Object.keys(config?.secrets ?? {}).length > 0],
    ["peers", process.peers.join(", "), process.peers.length > 0],
    ["allowed", process.allowed.join(", "), process.allowed.length > 0],
    ["probes", amount(process.probes.length, "probe"), process.probes.length > 0],
    ["state", asWritten(process.state), typeof process.state === "object" || process.state === "partitioned"],
    ["publish", process.publish.join(", "), process.publish.length > 0],
    ["trafficKey", process.trafficKey, process.trafficKey !== "sender"],
    ["strategy", "blue-green", process.strategy?.kind === "blue-green"],
    ["lib", "the ledger", fleet.ledger === name],
    ["lib", "the router", fleet.ledger !== name && routerOf(fleet) === name],
  ];
  return needs
    .filter(([, , isDeclared]) => isDeclared)
    .map(([field, got]) => ({
      code: "LIB_REQUIRED",
      what: `${name} is declared without the fleet's library (lib: false), but ${field === "lib" ? "its role in the fleet" : `its ${field}`} needs it.`,
      at: `processes.${name}.${field}`,
      got,
      expected: field === "lib" ? "a member with the library" : `no ${field}, or the library`,
      remedy: `Remove lib: false from ${name}${field === "lib" ? "" : `, or remove its ${field}`}.`,
    }));
}
