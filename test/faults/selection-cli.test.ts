import { expect, it } from "vitest";
import { type FaultCase, runCase } from "./case.ts";
import { deployKilled, stackAdopted } from "./families/cli.ts";

/** Two cases with the real commands: `fleet deploy` is killed and the next one recovers, `fleet adopt` after a total loss. */
const CASES: FaultCase[] = [deployKilled("create", "process.spawned:1"), stackAdopted()];

it.each(CASES.map((fault) => [fault.family, fault.name, fault] as const))(
  "%s %s",
  async (_family, _name, fault) => {
    expect((await runCase(fault)).broken).toEqual([]);
  },
  300_000,
);
