import { expect, it } from "vitest";
import { type FaultCase, runCase } from "./case.ts";
import { commandKilled } from "./families/cli.ts";
import { badCode } from "./families/health.ts";
import { everyField, luaInjection } from "./families/inputs.ts";
import { killedInCreate, killedInUpdate } from "./families/k1.ts";
import { sameBytesAgain, strangers, wrongEpochs } from "./families/messages.ts";
import { answersLost, callsFail, indexBehind, staleVerdicts } from "./families/network.ts";
import { randomStory } from "./families/random.ts";
import { changedByHand, nothingLeft } from "./families/states.ts";
import { stopped } from "./families/stopped.ts";

/** A case of nearly each family; all of them, and the report, by `npm run test:faults`. */
const CASES: FaultCase[] = [
  killedInCreate("ao.after-send:12"),
  killedInUpdate("process.loaded:1"),
  commandKilled("create", "process.spawned:1", "fleet deploy"),
  stopped("ao.after-journal:3", "update"),
  answersLost(1),
  callsFail(5, 2),
  staleVerdicts(50, 2),
  indexBehind(1200),
  sameBytesAgain(1),
  wrongEpochs(),
  strangers("A1"),
  nothingLeft("state and journal"),
  changedByHand("config edited"),
  badCode("is unhealthy"),
  everyField("process"),
  luaInjection(300, 2),
  randomStory(2),
];

it.each(CASES.map((fault) => [fault.family, fault.name, fault] as const))(
  "%s %s",
  async (_family, _name, fault) => {
    expect((await runCase(fault)).broken).toEqual([]);
  },
  120_000,
);
