import type { FaultCase } from "../case.ts";

export function cliCases(): FaultCase[] {
  return [];
}
