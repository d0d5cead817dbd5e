import type { FaultCase } from "./case.ts";
import { attackCases } from "./families/attacks.ts";
import { cutJournal, fullDisk, noFolder, spoiltJournal } from "./families/disk.ts";
import { floodCases } from "./families/floods.ts";
import { h1 } from "./families/health.ts";
import { everyDeclaredField, everyField, luaInjection } from "./families/inputs.ts";
import { k1 } from "./families/k1.ts";
import { pushed, saidAgain, sameBytesAgain, strangers, wrongEpochs } from "./families/messages.ts";
import { moneyCases } from "./families/money.ts";
import {
  answersLost,
  callsFail,
  gatewayBehind,
  indexBehind,
  ordinaryDay,
  schedulerBehind,
  staleVerdicts,
  unitsBehind,
} from "./families/network.ts";
import { nodeCases } from "./families/node.ts";
import { randomStory } from "./families/random.ts";
import { screenCases } from "./families/screen.ts";
import {
  firstApart,
  firstTogether,
  idleRefreshes,
  nothingLeft,
  nothingLeftOfTheDead,
  olderState,
  s3,
  stateOfTheDead,
  twoOperators,
} from "./families/states.ts";
import { k3 } from "./families/stopped.ts";

const seeds = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Every case of every family that needs no pulumi command. */
export function lifecycleCases(): FaultCase[] {
  return [
    ...k1(),
    ...k3(),
    ...seeds(12).map((seed) =>
      cutJournal(`ao.after-send:${[3, 6, 9, 12, 15, 18, 20, 21, 22, 23, 24, 25][seed - 1] ?? 5}`, seed),
    ),
    ...seeds(4).map((seed) => cutJournal("none", 100 + seed)),
    spoiltJournal(),
    ...[1, 8, 24, 60].map(fullDisk),
    noFolder(),
    ...seeds(5).map(answersLost),
    ...[5, 20, 50].flatMap((percent) => seeds(4).map((seed) => callsFail(percent, seed))),
    staleVerdicts(1000, 1),
    ...[0, 20, 1200].map(indexBehind),
    gatewayBehind(15),
    schedulerBehind(8),
    unitsBehind(),
    ...seeds(3).map(ordinaryDay),
    ...seeds(3).map(sameBytesAgain),
    ...seeds(3).map(saidAgain),
    wrongEpochs(),
    strangers("D2"),
    pushed("right"),
    pushed("missing"),
    ...seeds(3).map(twoOperators),
    ...seeds(4).map((round) => firstTogether(0, round)),
    firstTogether(3000),
    firstApart(),
    firstApart({ ahead: 3 }),
    firstApart({ loses: true }),
    olderState(),
    stateOfTheDead(),
    nothingLeft("state"),
    nothingLeft("state and journal"),
    nothingLeftOfTheDead(),
    ...s3(),
    idleRefreshes(100),
    ...h1(),
    ...(["process", "config-bundle", "wiring", "release"] as const).map(everyField),
    everyDeclaredField(),
    luaInjection(2000, 1),
    strangers("A1"),
    ...seeds(20).map(randomStory),
    ...nodeCases(),
    ...strangerCases(),
  ];
}

/** Floods, the judge under attack, the game's money, the operator's screen: what free wallets can do. */
export const strangerCases = (): FaultCase[] => [
  ...floodCases(),
  ...attackCases(),
  ...moneyCases(),
  ...screenCases(),
];
