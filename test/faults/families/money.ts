import { ask, code, fight, type GameReply, member, PEERS } from "../../game/game.ts";
import { address, OWNER } from "../../processes/aos.ts";
import type { World } from "../../processes/world.ts";
import { rngOf } from "../../simnet/rng.ts";
import type { FaultCase } from "../case.ts";
import { gameWorld } from "../game-world.ts";

const DAY = 86_400_000;
/** What the fund holds and pays in these stories, so that they reach every limit. */
const LIMITS = { left: 40_000, perDay: 9000, perPlayer: 4000 };
/** The most that one battle's prize is. */
const LARGEST = 4000;

/** What of the shop and of the battles a story is judged by. */
interface Books {
  readonly left: number;
  readonly credits: Readonly<Record<string, string>>;
  readonly balances: Readonly<Record<string, number>>;
  readonly prizes: Readonly<
    Record<string, { status: string; amount: number; winner: string; players: string[] }>
  >;
}

async function booksOf(world: World): Promise<Books> {
  const shop = (await world.get("shop").value(`(function()
    local shop, balances = Fleet.state("shop"), Fleet.object and Fleet.object() or {}
    for address, account in pairs(shop.accounts) do balances[address] = account.balance end
    return { left = shop.prizes.left, credits = shop.credits or {}, balances = balances }
  end)()`)) as Omit<Books, "prizes">;
  const prizes = (await world.get("battle").value(`(function()
    local found = {}
    for id, battle in pairs(Fleet.state("battles").battles) do
      if battle.prize then
        found[id] = { status = battle.prize.status, amount = battle.prize.amount or 0, winner = battle.winner or "", players = battle.players }
      end
    end
    return found
  end)()`)) as Books["prizes"];
  return { ...shop, prizes };
}

/** Whether a credit stands for a payment, and is not another name of one: earlier versions pay by the battle's id alone. */
const isPayment = (id: string, { credits }: Books): boolean =>
  !Object.keys(credits).some((other) => other.startsWith(`${id}@`));

/** One story: colluding wallets, their battles, and what is judged after each step. */
class Story {
  readonly world: World;
  readonly broken: string[] = [];
  readonly #next: () => number;
  readonly #wallets: readonly string[];
  readonly #banned = new Set<string>();
  readonly #battles: string[] = [];
  /** Paid by day, and by day and wallet. */
  readonly #paid = new Map<string, number>();
  readonly #byPair = new Map<string, number>();
  #books: Books = { left: LIMITS.left, credits: {}, balances: {}, prizes: {} };
  #weeks = 0;
  #isSilent = false;
  #count = 0;

  constructor(world: World, next: () => number, wallets: readonly string[]) {
    this.world = world;
    this.#next = next;
    this.#wallets = wallets;
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#next() * list.length)] as T;
  }

  /** A wallet, and another one. */
  #two(): [string, string] {
    const one = this.#pick(this.#wallets);
    return [one, this.#pick(this.#wallets.filter((each) => each !== one))];
  }

  async begin(): Promise<void> {
    const vars = { PRIZES_PER_DAY: String(LIMITS.perDay), PRIZES_PER_PLAYER: String(LIMITS.perPlayer) };
    const config = { configType: "ENVIRONMENT_VARS", configData: vars, version: 2 };
    await this.#must(ask(this.world, "shop", OWNER, "UPDATE_CONFIG", config, { Epoch: "1" }));
    await this.world.get("shop").eval(`local shop = Fleet.state("shop")
      shop.prizes = { left = ${LIMITS.left}, day = 0, paid = 0, players = {} }
      for _, account in pairs(shop.accounts) do shop.spent, account.balance = shop.spent + account.balance, 0 end`);
    this.#books = await booksOf(this.world);
  }

  async #must(sent: Promise<GameReply>): Promise<GameReply> {
    const reply = await sent;
    if (code(reply.data) !== "ok") throw new Error(`${reply.action}: ${reply.text.slice(0, 300)}`);
    return reply;
  }

  /** Whatever the answer, and also without one. */
  async #try(process: string, from: string, action: string, data: object, tags = {}) {
    return this.world.send(process, { From: from, Action: action, Data: data, Tags: tags });
  }

  /** A ranked, sealed battle with real pokemon, by wallets that are not banned. */
  async fought(): Promise<void> {
    const free = this.#wallets.filter((each) => !this.#banned.has(each));
    if (free.length < 2 || this.#isSilent) return;
    const [one = "", two = ""] = [free[0], free[1 + Math.floor(this.#next() * (free.length - 1))]];
    for (const player of [one, two])
      await this.#try("pokemon", player, "CREATE_POKEMON", { species: "pikachu" });
    const started = await ask(this.world, "battle", one, "START_BATTLE", { opponent: two });
    if (code(started.data) !== "ok") return;
    await fight(this.world, started.data.battleId, [one, two]);
    this.#battles.push(started.data.battleId);
  }

  /** A friendly battle that is open and fought to the end: it earns nothing. */
  async friendly(): Promise<void> {
    const [one, two] = this.#two();
    const battleId = `friendly-${this.#count}`;
    const weak = [member("weak", { level: 100, stats: { ...member("x").stats, hp: 1, speed: 1 } })];
    const strong = [
      member("strong", { level: 100, moves: ["swift"], stats: { ...member("x").stats, specialAttack: 500 } }),
    ];
    await this.#try("battle", one, "START_BATTLE", {
      opponent: two,
      battleId,
      team: strong,
      opponentTeam: weak,
    });
    await this.#try("battle", two, "ACCEPT_BATTLE", { battleId });
    await this.#try("battle", one, "SUBMIT_MOVE", { battleId, move: "swift" });
    await this.#try("battle", two, "SUBMIT_MOVE", { battleId, move: "tackle" });
    this.#battles.push(battleId);
  }

  /** Ranked battles that two wallets have won from each other, in the state: some as an earlier version left them, unsealed. */
  async won(): Promise<void> {
    const [one, two] = this.#two();
    const ids = Array.from({ length: 1 + Math.floor(this.#next() * 4) }, (_, n) => `won-${this.#count}-${n}`);
    const mode = this.#next() < 0.5 ? 'mode = "SEALED",' : "";
    await this.world.get("battle").eval(`local s, now = Fleet.state("battles"), Fleet.now()
      for _, id in ipairs({ ${ids.map((id) => `"${id}"`).join(", ")} }) do
        s.battles[id] = {
          id = id, status = "FINISHED", ranked = true, ${mode} players = { "${one}", "${two}" }, winner = "${one}", turn = 9, pending = {}, seed = id,
          startedAt = now, movedAt = now, finishedAt = now, teams = "[]", play = "{}", digest = "d", reported = "PENDING",
          experience = { status = "NONE", awards = {} }, prize = { status = "OPEN", amount = ${this.#pick([200, 400, 1400, LARGEST])} },
        }
        s.finished[#s.finished + 1] = id
      end`);
    this.#battles.push(...ids);
    // What was there before counts as such.
    this.#books = await booksOf(this.world);
  }

  async claim(of?: string): Promise<void> {
    const isOpen = this.#next() < 0.7;
    const own = this.#battles.filter((id) => {
      const prize = this.#books.prizes[id];
      return (of === undefined || prize?.winner === of) && (!isOpen || prize?.status === "OPEN");
    });
    const battleId = this.#pick(own);
    if (battleId === undefined) return;
    const winner = this.#books.prizes[battleId]?.winner ?? "";
    const from = this.#next() < 0.8 && winner !== "" ? winner : this.#pick(this.#wallets);
    const data = { workflow: "battle-victory", input: { battleId } };
    const tags = this.#next() < 0.3 ? { "Correlation-Id": battleId } : {};
    for (let n = 1 + Math.floor(this.#next() * 2); n > 0; n -= 1)
      await this.#try("coordinator", from, "RUN_WORKFLOW", data, tags);
    // A service's call ends before the coordinator's.
    if (this.#isSilent) await this.time(31_000);
  }

  /** What only the fleet's processes may do, and an answer that only security gives. */
  async forge(): Promise<void> {
    const [from, other] = this.#two();
    const battleId = this.#pick(this.#battles) ?? "none";
    const prize = { battleId, player: from };
    for (const action of ["CLAIM_PRIZE", "SETTLE_PRIZE", "RELEASE_PRIZE"]) {
      await this.#try("battle", from, action, prize, { "On-Behalf-Of": other });
      await this.#try("coordinator", from, "ROUTE", { service: "battle", action, data: prize });
    }
    const credit = { account: from, amount: 500, creditId: `prize:${battleId}` };
    await this.#try("shop", from, "CREDIT", credit);
    await this.#try("coordinator", from, "CREDIT", credit, { Service: "shop" });
    await this.#try("battle", from, "VALIDATE_ACTION-Response", {
      success: true,
      verdict: "ALLOW",
      playerId: from,
    });
  }

  async floodSecurity(): Promise<void> {
    for (let n = 0; n < 20; n += 1) {
      const data = {
        action: "PURCHASE",
        playerId: this.#pick(this.#wallets),
        data: { quantity: -1 },
        rate: true,
      };
      await this.#try("security", this.#pick(this.#wallets), "VALIDATE_ACTION", data);
    }
  }

  async ban(): Promise<void> {
    const playerId = this.#pick(this.#wallets);
    const isBanned = this.#banned.has(playerId);
    const [action, reason] = isBanned ? ["UNBAN_PLAYER", {}] : ["BAN_PLAYER", { reason: "bots" }];
    // In half of the bans, the news of it is lost.
    const before = this.world.lose;
    if (this.#next() < 0.5) this.world.lose = (each) => each.action === "SET_BANS" || before?.(each) === true;
    await this.#must(ask(this.world, "security", OWNER, action, { playerId, ...reason }));
    this.world.lose = before;
    if (isBanned) this.#banned.delete(playerId);
    else this.#banned.add(playerId);
    // At once, before the other processes ask for what they missed.
    await this.claim(playerId);
  }

  /** Security's answers, the shop's or a request are lost from now on, or arrive again. Overdue calls end before the next step. */
  async network(): Promise<void> {
    const lost = this.#pick([
      [],
      ["VALIDATE_ACTION-Response"],
      ["VALIDATE_ACTION-Response"],
      ["VALIDATE_ACTION"],
      ["CREDIT-Response"],
      ["CREDIT"],
      ["CLAIM_PRIZE-Response"],
    ]);
    this.#isSilent = lost.length > 0 && lost[0]?.startsWith("VALIDATE_ACTION") === true;
    this.world.lose = lost.length === 0 ? undefined : (each) => (lost as string[]).includes(each.action);
    await this.time(130_000);
  }

  /** Time passes, and somebody asks each process for something, which ends what is overdue. */
  async time(ms: number): Promise<void> {
    this.world.advance(ms);
    this.#weeks += ms / (7 * DAY);
    const rest = Object.keys(PEERS);
    while (rest.length > 0) {
      const [process = ""] = rest.splice(Math.floor(this.#next() * rest.length), 1);
      await this.#try(process, this.#pick(this.#wallets), "Info", {});
    }
  }

  async step(): Promise<void> {
    this.#count += 1;
    const steps: readonly (() => Promise<void>)[] = [
      ...Array.from({ length: 8 }, () => () => this.claim()),
      ...Array.from({ length: 3 }, () => () => this.won()),
      ...[
        () => this.friendly(),
        () => this.forge(),
        () => this.floodSecurity(),
        () => this.ban(),
        () => this.ban(),
      ],
      ...[
        () => this.network(),
        () => this.network(),
        () => this.time(this.#pick([31_000, 130_000, 7 * DAY])),
        () => this.time(DAY),
        () => this.time(DAY),
      ],
    ];
    await this.#pick(steps)();
    await this.judge(`step ${this.#count}`);
  }

  /** What the step paid, against every limit. */
  async judge(step: string): Promise<void> {
    const [before, now] = [this.#books, await booksOf(this.world)];
    const say = (what: string) => this.broken.push(`${step}: ${what}`);
    const held = (books: Books) => Object.values(books.balances).reduce((sum, each) => sum + each, 0);
    if (now.left < 0) say(`the fund holds ${now.left}`);
    if (held(now) - held(before) !== before.left - now.left)
      say(`accounts grew by ${held(now) - held(before)}, the fund paid ${before.left - now.left}`);
    const day = Math.floor(this.world.get("shop").now / DAY);
    const add = (key: string, amount: number) => {
      this.#paid.set(key, (this.#paid.get(key) ?? 0) + amount);
      return this.#paid.get(key) ?? 0;
    };
    for (const [id, line] of Object.entries(now.credits)) {
      if (!isPayment(id, now)) continue;
      const earlier = before.credits[id];
      if (earlier === line) continue;
      const [amount = 0, , account = ""] = line
        .split(" ")
        .map((part, at) => (at < 2 ? Number(part) : part)) as [number, number, string];
      const battleId = id.replace(/^prize:|@\d+$/g, "");
      const prize = before.prizes[battleId] ?? now.prizes[battleId];
      if (earlier !== undefined) say(`${battleId} was paid twice`);
      if (prize === undefined || prize.status === "NONE" || prize.winner !== account || amount > prize.amount)
        say(`${battleId} paid ${amount} to ${account}, its prize is ${JSON.stringify(prize)}`);
      if (this.#banned.has(account)) say(`${battleId} was paid to a banned player`);
      if (this.#isSilent && prize?.status === "OPEN") say(`${battleId} was paid without a verdict`);
      if (add(`${day}`, amount) > LIMITS.perDay) say(`more than ${LIMITS.perDay} were paid in a day`);
      if (add(`${day} ${account}`, amount) > LIMITS.perPlayer)
        say(`${account} got more than ${LIMITS.perPlayer} in a day`);
      const pair = [...(prize?.players ?? [])].sort().join("/");
      this.#byPair.set(pair, (this.#byPair.get(pair) ?? 0) + amount);
      // Each prize of a pair is worth half of the one before, and a week gives one step back.
      if ((this.#byPair.get(pair) ?? 0) > (2 + this.#weeks) * LARGEST)
        say(`${pair} earned ${this.#byPair.get(pair)} from each other`);
    }
    this.#books = now;
  }

  /** The network works again, nobody is banned: whatever is still owed is paid at most once, then nothing more. */
  async end(): Promise<void> {
    this.world.lose = undefined;
    this.#isSilent = false;
    for (const playerId of this.#banned)
      await this.#must(ask(this.world, "security", OWNER, "UNBAN_PLAYER", { playerId }));
    this.#banned.clear();
    for (const round of [1, 2]) {
      await this.time(DAY);
      for (const battleId of this.#battles) {
        const winner = this.#books.prizes[battleId]?.winner ?? "";
        if (winner === "") continue;
        const data = { workflow: "battle-victory", input: { battleId } };
        await this.#try("coordinator", winner, "RUN_WORKFLOW", data);
      }
      await this.judge(`the end, round ${round}`);
    }
    const health = await ask(this.world, "shop", OWNER, "HEALTH_CHECK", {
      healthCheck: { checkType: "ALL" },
    });
    if (health.data.healthStatus !== "HEALTHY")
      this.broken.push(`the shop is ${String(health.data.healthStatus)}`);
  }

  /** Prizes that were paid. */
  get paid(): number {
    return Object.keys(this.#books.credits).filter(
      (id) => id.startsWith("prize:") && isPayment(id, this.#books),
    ).length;
  }
}

/** S7: colluding wallets and a game whose security is silent, flooded or has banned them. */
export function money(seed: number, steps = 60): FaultCase {
  const { next } = rngOf(seed);
  const count = 2 + Math.floor(next() * 9);
  return {
    family: "S7",
    name: `${count} wallets, ${steps} steps, seed ${seed}`,
    seed,
    async run(lab) {
      const world = await gameWorld(lab);
      const wallets = Array.from({ length: count }, (_, n) => address(`colluding-${n}`));
      const story = new Story(world, next, wallets);
      await story.begin();
      await story.won();
      await story.fought();
      await story.judge("the first battle");
      for (let n = 0; n < steps && story.broken.length === 0; n += 1) await story.step();
      if (story.broken.length === 0) await story.end();
      lab.counts(steps);
      return story.paid === 0 ? [...story.broken, "no prize was paid at all"] : story.broken;
    },
  };
}

export const moneyCases = (): FaultCase[] => Array.from({ length: 24 }, (_, n) => money(n + 1));
