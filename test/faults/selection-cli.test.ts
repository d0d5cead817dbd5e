import { expect, it } from "vitest";
import { type FaultCase, runCase } from "./case.ts";
import { deployKilled, providerKilledWaiting, stackAdopted } from "./families/cli.ts";

/**
 * Cases with the real commands: `fleet deploy` is killed and the next one recovers, a provider is killed while the gateway lags,
 * `fleet adopt` after a total loss.
 */
const CASES: FaultCase[] = [
  deployKilled("create", "process.spawned:1"),
  providerKilledWaiting(),
  stackAdopted(),
];

it.each(CASES.map((fault) => [fault.family, fault.name, fault] as const))(
  "%s %s",
  async (_family, _name, fault) => {
    expect((await runCase(fault)).broken).toEqual([]);
  },
  300_000,
);
