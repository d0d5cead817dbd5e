import { ASH, ask, code, GARY, type GameData, member, route } from "../../game/game.ts";
import { filled, median, type Shape, timesOf } from "../../processes/accounts.ts";
import { type Aos, address, OWNER, type SendOptions } from "../../processes/aos.ts";
import type { Delivery, World } from "../../processes/world.ts";
import { rngOf } from "../../simnet/rng.ts";
import type { FaultCase } from "../case.ts";
import { EVE, gameWorld, PROCESSES, SETTING } from "../game-world.ts";

/** One message of a flood. */
interface Drop {
  readonly to: string;
  readonly message: SendOptions;
}

/** What a flood draws from. */
interface Draw {
  readonly next: () => number;
  /** Different in each message. */
  readonly n: number;
  readonly from: string;
}

const pick = <T>(next: () => number, list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;
const TEAM = [member("a")];
const routed = (service: string, action: string, data: object = {}) => ({
  Action: "ROUTE",
  Data: { service, action, data },
});

/** A message of each kind of flood, by one of its wallets. */
const KINDS = {
  refused: ({ next, n }) => ({
    to: pick(next, PROCESSES),
    message: {
      Action: pick(next, [
        "RETIRE",
        "DRAIN",
        "UPDATE_CONFIG",
        "IMPORT_STATE",
        "AUDIT",
        "CREDIT",
        "PURCHASE",
        "NOPE",
        `N${n}`,
      ]),
      Data: pick<unknown>(next, ["{", "[]", { item: "none" }, { account: ASH, amount: 1 }, {}]),
      "Correlation-Id": `refused-${n}`,
    },
  }),
  names: ({ next, n }) => {
    const long = `${n}${pick(next, ["x", "é", "\u0000", "\n"]).repeat(pick(next, [65, 300, 3000, 20_000]))}`;
    return pick<Drop>(next, [
      { to: "coordinator", message: routed("shop", long) },
      { to: "coordinator", message: routed(long, "PURCHASE") },
      { to: "coordinator", message: { Action: long, Service: "shop", Data: {} } },
      { to: "coordinator", message: { Action: "PURCHASE", Service: long, Data: {} } },
      {
        to: "coordinator",
        message: { Action: "RUN_WORKFLOW", Data: { workflow: long, input: { battleId: long } } },
      },
      {
        to: "battle",
        message: {
          Action: "START_BATTLE",
          Data: { opponent: GARY, battleId: long, team: TEAM, opponentTeam: TEAM },
        },
      },
      { to: "security", message: { Action: "VALIDATE_ACTION", Data: { action: long, playerId: long } } },
      { to: "pokemon", message: { Action: "CREATE_POKEMON", Data: { species: "eevee", nickname: long } } },
      { to: pick(next, PROCESSES), message: { Action: long, "Correlation-Id": long } },
    ]);
  },
  bodies: ({ next, n }) => {
    const text = pick(
      next,
      ["x", "[", '"'].map((each) => each.repeat(1_000_000 + (n % 100))),
    );
    return pick<Drop>(next, [
      { to: "coordinator", message: { Action: "PURCHASE", Service: "shop", Data: { item: text } } },
      { to: "coordinator", message: routed("security", "Info", { text }) },
      { to: "shop", message: { Action: "PURCHASE", Data: text } },
      { to: "battle", message: { Action: "START_BATTLE", Data: { opponent: GARY, battleId: text } } },
      { to: "security", message: { Action: "VALIDATE_ACTION", Data: { action: "X", data: { text } } } },
    ]);
  },
  calls: ({ next }) =>
    pick<Drop>(next, [
      {
        to: "coordinator",
        message: routed("security", pick(next, ["Info", "HEALTH_CHECK", "GET_STATISTICS"])),
      },
      { to: "coordinator", message: { Action: "Info", Service: "security", Data: {} } },
      {
        to: "coordinator",
        message: {
          Action: "RUN_WORKFLOW",
          Data: { workflow: "battle-victory", input: { battleId: "silent" } },
        },
      },
      { to: "battle", message: { Action: "START_BATTLE", Data: { opponent: ASH } } },
    ]),
  challenges: ({ next, n }) => ({
    to: "battle",
    message: {
      Action: "START_BATTLE",
      Data: { opponent: next() < 0.5 ? GARY : address(`nobody-${n}`), team: TEAM, opponentTeam: TEAM },
    },
  }),
  reports: ({ next, n, from }) => ({
    to: "security",
    message: pick<SendOptions>(next, [
      { Action: "VALIDATE_ACTION", Data: { action: "PURCHASE", playerId: ASH, data: { quantity: -1 } } },
      { Action: "VALIDATE_ACTION", Data: { action: `made-up-${n}`, playerId: from, rate: true } },
      { Action: "REPORT_INCIDENT", Data: { type: `t${n}`, playerId: ASH, severity: "CRITICAL" } },
      { Action: "RATE_CHECK", Data: { action: `made-up-${n}`, cost: 20 } },
      { Action: "LIST_BANS", Data: { since: 0 } },
    ]),
  }),
  creations: ({ next, n }) =>
    pick<Drop>(next, [
      { to: "pokemon", message: { Action: "CREATE_POKEMON", Data: { species: "eevee" } } },
      { to: "coordinator", message: routed("pokemon", "CREATE_POKEMON", { species: "bulbasaur" }) },
      { to: "pokemon", message: { Action: "SET_PARTY", Data: { party: [] } } },
      {
        to: "coordinator",
        message: {
          Action: "RUN_WORKFLOW",
          Data: { workflow: "starter-purchase", input: { species: "ralts" } },
        },
      },
      {
        to: "pokemon",
        message: { Action: "RELEASE_POKEMON", Data: { pokemonId: `p${n}`, requestId: `r${n}` } },
      },
    ]),
} satisfies Record<string, (draw: Draw) => Drop>;

export type Flood = keyof typeof KINDS | "mixed";
const FLOODS = Object.keys(KINDS) as (keyof typeof KINDS)[];

/** Messages of each flood. A body of 1 MB takes the evaluator as long as a hundred others. */
const COUNTS: Partial<Record<Flood, number>> = { bodies: 30 };
const COUNT = 400;

/** What the services that do not answer would have to receive, or send. */
const unanswered = (world: World) => (delivery: Delivery) =>
  delivery.target === world.get("security").id ||
  delivery.action === "GET_PARTIES" ||
  (delivery.action === "CLAIM_PRIZE" && delivery.from === "coordinator");

/** Between two messages of a flood: nothing that a request waits for is overdue before it ends. */
const SPACING_MS = 20;
/** After that time a request that waits may lose its place to a newcomer's: a sixth of the time limit, and a margin. */
const PATIENCE_MS = 10_000;

async function pour(
  world: World,
  kind: Flood,
  wallets: number,
  count: number,
  next: () => number,
): Promise<void> {
  const isSilent = kind === "calls" || kind === "mixed";
  if (isSilent) world.lose = unanswered(world);
  for (let n = 0; n < count; n += 1) {
    const from = address(`flood-${n % wallets}`);
    // A wallet of the flood sends few bodies of 1 MB also in a mixture.
    const own =
      kind === "mixed" ? pick(next, next() < 0.05 ? FLOODS : FLOODS.filter((one) => one !== "bodies")) : kind;
    const { to, message } = KINDS[own]({ next, n, from });
    const latest = Math.max(...[...world.processes.values()].map(({ now }) => now));
    await world.send(to, { From: from, ...message, Timestamp: latest + SPACING_MS });
  }
  // The battle process asks for parties again; security stays silent.
  if (isSilent) world.lose = (delivery) => delivery.target === world.get("security").id;
}

/** What an honest caller is answered by each process: nothing if all is as it should be. */
async function honestCallers(world: World): Promise<string[]> {
  const broken: string[] = [];
  const served = async (what: string, work: () => Promise<{ data: GameData }>) => {
    const data = await work().then(
      (reply) => reply.data,
      (error) => ({ error: { code: String(error) } }) as unknown as GameData,
    );
    if (code(data) !== "ok") broken.push(`${what}: ${code(data)} ${data.error?.message ?? ""}`);
    return data;
  };
  const late = address("comes-late");
  await served("a purchase", () => ask(world, "shop", ASH, "PURCHASE", { item: "potion" }));
  await served("a route", () => route(world, GARY, "shop", "PURCHASE", { item: "potion" }));
  world.advance(PATIENCE_MS);
  await served("a newcomer's route", () => route(world, late, "shop", "LIST_ITEMS"));
  await served("a newcomer's creation", () =>
    route(world, late, "pokemon", "CREATE_POKEMON", { species: "eevee" }),
  );
  const started = await served("a battle", () =>
    ask(world, "battle", ASH, "START_BATTLE", { opponent: GARY }),
  );
  await served("its acceptance", () =>
    ask(world, "battle", GARY, "ACCEPT_BATTLE", { battleId: started.battleId }),
  );
  const victim = await served("a battle of the victim", () =>
    ask(world, "battle", GARY, "START_BATTLE", { opponent: late }),
  );
  await served("its acceptance by a newcomer", () =>
    ask(world, "battle", late, "ACCEPT_BATTLE", { battleId: victim.battleId }),
  );
  const judged = await served("a verdict", () =>
    ask(world, "security", late, "VALIDATE_ACTION", { action: "PURCHASE", data: { quantity: 1 } }),
  );
  if (judged.verdict !== "ALLOW") broken.push(`a newcomer's verdict is ${String(judged.verdict)}`);
  for (const name of PROCESSES) {
    const check = { healthCheck: { checkType: "READINESS" } };
    await served(`${name}'s Info`, () => ask(world, name, late, "Info"));
    await served(`${name}'s health`, () => ask(world, name, OWNER, "HEALTH_CHECK", check));
  }
  return broken;
}

/** What decides and is gone: the ban in security's trail and at work, and the owner's actions in each audit. */
async function decisionsLost(world: World): Promise<string[]> {
  const broken: string[] = [];
  const trail = (await ask(world, "security", OWNER, "SECURITY_AUDIT")).data.entries as {
    event: string;
    player: string;
  }[];
  if (!trail.some(({ event, player }) => event === "BANNED" && player === EVE))
    broken.push("the ban is not in the trail");
  for (const [name, action, data] of [
    ["shop", "PURCHASE", { item: "potion" }],
    ["coordinator", "ROUTE", { service: "shop", action: "LIST_ITEMS" }],
    ["battle", "START_BATTLE", { opponent: GARY, team: TEAM, opponentTeam: TEAM }],
    ["pokemon", "CREATE_POKEMON", { species: "eevee" }],
  ] as const) {
    const { data: answer } = await ask(world, name, EVE, action, data);
    if (code(answer) !== "BANNED") broken.push(`${name} answers a banned player ${code(answer)}`);
  }
  for (const name of PROCESSES) {
    const entries = (await ask(world, name, OWNER, "AUDIT")).data.entries as {
      action: string;
      from: string;
    }[];
    const own = entries.filter(({ from }) => from === OWNER).map(({ action }) => action);
    for (const action of ["WIRE_PEERS", "UPDATE_CONFIG"])
      if (!own.includes(action)) broken.push(`${name}'s audit has lost the owner's ${action}`);
    const { configs } = (await ask(world, name, OWNER, "GET_CONFIG", { configType: "ENVIRONMENT_VARS" }))
      .data;
    if (!JSON.stringify(configs ?? {}).includes(SETTING.MOTTO)) broken.push(`${name} has lost its settings`);
  }
  return broken;
}

/** What does not leave each process, or does not arrive in a copy of it from before. */
async function statesKept(world: World, fresh: World): Promise<string[]> {
  const broken: string[] = [];
  for (const name of PROCESSES) {
    const { state, digest } = (await ask(world, name, OWNER, "EXPORT_STATE")).data;
    const { data } = await ask(fresh, name, OWNER, "IMPORT_STATE", { state, digest }, { Epoch: "1" });
    if (code(data) !== "ok")
      broken.push(`${name}'s state is not imported: ${code(data)} ${data.error?.message ?? ""}`);
    const again = (await ask(fresh, name, OWNER, "EXPORT_STATE")).data.digest;
    if (digest === undefined || data.digest !== digest || again !== digest)
      broken.push(`${name}'s state has the digest ${digest}, then ${data.digest}, then ${again}`);
  }
  return broken;
}

/** S5: wallets send what costs them nothing; afterwards everybody else finds the game as it was. */
export function flood(kind: Flood, wallets: number, seed: number, count = COUNTS[kind] ?? COUNT): FaultCase {
  return {
    family: "S5",
    name: `${kind} by ${wallets} wallets, ${count} messages, seed ${seed}`,
    seed,
    async run(lab) {
      const world = await gameWorld(lab);
      const fresh = await gameWorld(lab);
      const buy = () =>
        ask(world, "shop", ASH, "PURCHASE", { item: "potion" }, { "Correlation-Id": "order" });
      const first = (await buy()).data;
      const balance = async () => (await ask(world, "shop", ASH, "BALANCE")).data.balance;
      const before = await balance();
      await pour(world, kind, wallets, count, rngOf(seed).next);
      lab.counts(count);
      const broken: string[] = [];
      const again = (await buy()).data;
      if (JSON.stringify(again) !== JSON.stringify(first))
        broken.push(`the repeated purchase is answered ${JSON.stringify(again).slice(0, 200)}`);
      if ((await balance()) !== before) broken.push("the repeated purchase was paid twice");
      broken.push(...(await honestCallers(world)), ...(await decisionsLost(world)));
      return [...broken, ...(await statesKept(world, fresh))];
    },
  };
}

const FOR_COSTS = {
  on: ["legacy"] as const,
  why: "what a message costs is measured in the evaluator, without a network",
};

/** The most that a message may cost in a state of 10,000 keys, as a multiple of its cost in one of 100. */
const FLAT = 2;

/** Medians of messages to two processes by turns, so that what else the machine does slows both. */
async function ratioOf(few: Aos, many: Aos, keyOf: (i: number) => string): Promise<number> {
  const found: [number[], number[]] = [[], []];
  for (let round = 0; round < 10; round += 1)
    for (const [place, p] of [few, many].entries())
      found[place]?.push(...(await timesOf(p, (i) => keyOf(round * 10 + i), 6)));
  return median(found[1]) / median(found[0]);
}

/** S5: what a message costs that changes one key, of 100 and of 10,000. */
export function costByKeys(shape: Shape): FaultCase {
  return {
    family: "S5",
    name: `a message to 100 and to 10,000 ${shape}`,
    faces: FOR_COSTS,
    async run(lab) {
      await gameWorld(lab);
      const [few, many] = [await filled(shape, 100, false), await filled(shape, 10_000, false)];
      lab.onEnd(async () => void (await Promise.all([few.drop(), many.drop()])));
      const ratio = await ratioOf(few, many, (i) => `account-${(i % 100) + 1}`);
      return ratio <= FLAT ? [] : [`it takes ${ratio.toFixed(2)} times as long`];
    },
  };
}

/** Trainers with a pokemon each, as their free starters would be. */
const TRAINERS = (from: number, to: number) => `local box, state = require("box"), Fleet.state("pokemon")
  for i = ${from}, ${to} do
    local id = "pokemon-" .. i
    state.started["t" .. i] = id
    box.create(state, "t" .. i, { species = "eevee" }, id, { ivs = {}, nature = "hardy" })
  end`;

/** S5: the same for the pokemon process, with the starters of 100 and of 10,000 wallets. */
export function costByTrainers(): FaultCase {
  return {
    family: "S5",
    name: "a message to pokemon with 100 and 10,000 trainers",
    faces: FOR_COSTS,
    async run(lab) {
      const worlds = [await gameWorld(lab), await gameWorld(lab)];
      const found: number[][] = [[], []];
      for (const [place, world] of worlds.entries()) {
        const trainers = place === 0 ? 100 : 10_000;
        for (let at = 1; at <= trainers; at += 1000) {
          const { error } = await world.get("pokemon").eval(TRAINERS(at, Math.min(trainers, at + 999)));
          if (error !== undefined) throw new Error(error);
        }
      }
      for (let i = 0; i < 60; i += 1)
        for (const [place, world] of worlds.entries()) {
          const party = {
            From: `t${(i % 100) + 1}`,
            Action: "SET_PARTY",
            Data: { party: i % 2 ? [] : [`pokemon-${(i % 100) + 1}`] },
          };
          const { ms, reply } = await world.get("pokemon").send(party);
          if (reply?.data.success !== true) throw new Error(reply?.text);
          // The first ones prepare what the others use.
          if (i >= 3) found[place]?.push(ms);
        }
      const ratio = median(found[1] ?? []) / median(found[0] ?? []);
      return ratio <= FLAT ? [] : [`it takes ${ratio.toFixed(2)} times as long`];
    },
  };
}

export const floodCases = (): FaultCase[] => [
  ...FLOODS.flatMap((kind) => [1, 10, 100].map((wallets, place) => flood(kind, wallets, 50 + place))),
  ...[1, 10, 100].flatMap((wallets) => [61, 62, 63, 64].map((seed) => flood("mixed", wallets, seed))),
  costByKeys("numbers"),
  costByKeys("tables"),
  costByTrainers(),
];
