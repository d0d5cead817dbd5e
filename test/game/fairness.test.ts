/** What one player can know or do before the other: sealed turns, challenges, and the places for battles. */
import { beforeAll, describe, expect, test } from "vitest";
import { type Aos, address, boot } from "../processes/aos.ts";
import { ASH, code, GARY, type GameData, member, STRANGER, sealOf, secretOf } from "./game.ts";

let base: Aos;
beforeAll(async () => {
  base = await boot("battle");
});

async function say(p: Aos, From: string, Action: string, Data: object, at?: number): Promise<GameData> {
  const { error, reply } = await p.send({
    From,
    Action,
    Data,
    ...(at === undefined ? {} : { Timestamp: at }),
  });
  expect(error).toBeUndefined();
  return (reply?.data ?? {}) as GameData;
}

const TEAM = [member("a", { moves: ["tackle", "swift"] }), member("b")];
const challenge = (p: Aos, from: string, opponent: string, more: object = {}) =>
  say(p, from, "START_BATTLE", { opponent, team: TEAM, opponentTeam: TEAM, ...more });

describe("a sealed turn", () => {
  const commit = (p: Aos, player: string, choice: string, secret: string, turn = 1) =>
    say(p, player, "SUBMIT_MOVE", { battleId: "s", turn, commit: sealOf("s", turn, player, choice, secret) });
  const reveal = (p: Aos, player: string, choice: object, secret: string) =>
    say(p, player, "REVEAL_MOVE", { battleId: "s", ...choice, secret });
  const [mine, yours] = [secretOf(ASH, 1), secretOf(GARY, 1)];
  const tackle = { move: "tackle" };
  async function begin(): Promise<Aos> {
    const p = await base.clone();
    await challenge(p, ASH, GARY, { battleId: "s", sealed: true });
    return p;
  }

  test("takes no choice before both are bound to theirs, and none that differs", async () => {
    const p = await begin();
    expect(code(await say(p, ASH, "SUBMIT_MOVE", { battleId: "s", move: "tackle" }))).toBe("COMMIT_REQUIRED");
    expect(await commit(p, ASH, "tackle", mine)).toMatchObject({ status: "CHALLENGED", phase: "COMMIT" });
    expect(code(await commit(p, ASH, "swift", mine))).toBe("ALREADY_MOVED");
    expect(code(await reveal(p, ASH, tackle, mine))).toBe("NOT_COMMITTED");
    // The other's hash is public, but it names its player.
    const copied = { battleId: "s", commit: sealOf("s", 1, ASH, "tackle", mine) };
    const copier = await p.clone();
    await say(copier, GARY, "SUBMIT_MOVE", copied);
    await reveal(copier, ASH, tackle, mine);
    expect(code(await reveal(copier, GARY, tackle, mine))).toBe("WRONG_SEAL");
    // A choice that is not allowed is bound as well.
    const wrong = await p.clone();
    await commit(wrong, GARY, "splash", yours);
    expect(code(await reveal(wrong, GARY, { move: "splash" }, yours))).toBe("UNKNOWN_MOVE");
    expect(await commit(p, GARY, ">2", yours)).toMatchObject({
      ...{ status: "ACTIVE", phase: "REVEAL", revealBy: p.now + 600_000 },
    });
    expect(code(await reveal(p, ASH, { move: "swift" }, mine))).toBe("WRONG_SEAL");
    expect(code(await reveal(p, ASH, tackle, yours))).toBe("WRONG_SEAL");
    expect(await reveal(p, ASH, tackle, mine)).toMatchObject({ resolved: false, turn: 1 });
    expect(code(await reveal(p, ASH, tackle, mine))).toBe("ALREADY_MOVED");
    const played = await reveal(p, GARY, { switchTo: 2 }, yours);
    expect(played).toMatchObject({ resolved: true, turn: 2, phase: "COMMIT" });
    expect(played.events[0]).toMatchObject({ side: 2, switch: 2 });
    expect(code(await reveal(p, GARY, { switchTo: 2 }, yours))).toBe("NOT_COMMITTED");
    await say(p, GARY, "FORFEIT", { battleId: "s" });
    const replay = await say(p, STRANGER, "REPLAY_BATTLE", { battleId: "s" });
    expect(replay).toMatchObject({ equal: true, moves: [["tackle", ">2", mine, yours]] });
  });

  test("has dice that depend on both secrets, and on nothing that is known before", async () => {
    const p = await begin();
    const rolled = async (ours: string, theirs: string) => {
      const copy = await p.clone();
      await commit(copy, ASH, "tackle", ours);
      await commit(copy, GARY, "tackle", theirs);
      await reveal(copy, ASH, tackle, ours);
      const { events } = await reveal(copy, GARY, tackle, theirs);
      await copy.drop();
      return JSON.stringify(events);
    };
    const variants = [...Array(8).keys()];
    expect(await rolled(mine, yours)).toBe(await rolled(mine, yours));
    const byMine = new Set<string>();
    const byYours = new Set<string>();
    for (const each of variants) {
      byMine.add(await rolled(secretOf(ASH, 1, `${each}`), yours));
      byYours.add(await rolled(mine, secretOf(GARY, 1, `${each}`)));
    }
    expect(byMine.size).toBeGreaterThan(2);
    expect(byYours.size).toBeGreaterThan(2);
  });

  test("is lost by whoever shows the choice too late, and by nobody if both are late", async () => {
    const p = await begin();
    await commit(p, ASH, "tackle", mine);
    await commit(p, GARY, "tackle", yours);
    const until = p.now + 600_000;
    const late = await p.clone();
    await reveal(late, ASH, tackle, mine);
    expect(code(await say(late, ASH, "CLAIM_TIMEOUT", { battleId: "s" }, until))).toBe("TOO_EARLY");
    const lost = await say(late, GARY, "REVEAL_MOVE", { battleId: "s", ...tackle, secret: yours }, until + 1);
    expect(lost).toMatchObject({ late: true, status: "FINISHED", winner: ASH, ending: "TIMEOUT" });
    const claimed = await p.clone();
    await reveal(claimed, GARY, tackle, yours);
    expect(code(await say(claimed, ASH, "CLAIM_TIMEOUT", { battleId: "s" }))).toBe("YOUR_TURN");
    const won = await say(claimed, GARY, "CLAIM_TIMEOUT", { battleId: "s" }, until + 1);
    expect(won).toMatchObject({ winner: GARY, ending: "TIMEOUT" });
    const both = await say(p, ASH, "REVEAL_MOVE", { battleId: "s", ...tackle, secret: mine }, until + 1);
    expect(both).toMatchObject({ late: true, draw: true, ending: "ABANDONED" });
  });

  test("that has not begun in a battle of an earlier version is played as it was", async () => {
    const p = await base.clone();
    await challenge(p, ASH, GARY, { battleId: "s" });
    await say(p, GARY, "ACCEPT_BATTLE", { battleId: "s" });
    // The state as earlier versions export it: no challenges, and battles without the members that are new.
    await p.eval(`local s = Fleet.state("battles")
      s.challenges, s.pairings, s.battles.s.accepted, s.battles.s.mode = nil, nil, nil, nil`);
    const { state, digest } = await say(p, p.owner, "EXPORT_STATE", {});
    const there = await base.clone();
    const { reply } = await there.send({ Action: "IMPORT_STATE", Epoch: "1", Data: { state, digest } });
    expect(reply?.data).toMatchObject({ success: true, digest });
    await say(there, ASH, "SUBMIT_MOVE", { battleId: "s", move: "tackle" });
    expect(await say(there, ASH, "CLAIM_TIMEOUT", { battleId: "s" }, there.now + 600_000)).toMatchObject({
      ...{ ending: "ABANDONED", draw: true },
    });
    expect(await challenge(there, ASH, GARY)).toMatchObject({ status: "CHALLENGED" });
  });
});

describe("a challenge", () => {
  const accept = (p: Aos, from: string, battleId: string) => say(p, from, "ACCEPT_BATTLE", { battleId });

  test("needs the other's consent, counts for the challenger alone, and ends by itself", async () => {
    const p = await base.clone();
    const victim = address("victim");
    for (const name of ["one", "two"]) {
      const rival = address(`rival-${name}`);
      for (let i = 0; i < 8; i++)
        expect(await challenge(p, rival, victim, { battleId: `${name}-${i}` })).toMatchObject({
          ...{ success: true, status: "CHALLENGED" },
        });
      expect(code(await challenge(p, rival, victim))).toBe("TOO_MANY_BATTLES");
    }
    expect(await say(p, victim, "LIST_BATTLES", {})).toMatchObject({ count: 16, challenges: 16 });
    expect(await challenge(p, victim, GARY, { battleId: "own" })).toMatchObject({ success: true });
    expect(await accept(p, GARY, "own")).toMatchObject({ status: "ACTIVE" });
    expect(code(await accept(p, address("rival-one"), "one-0"))).toBe("OWN_CHALLENGE");
    expect(code(await accept(p, STRANGER, "one-0"))).toBe("NOT_YOUR_BATTLE");
    expect(await say(p, victim, "FORFEIT", { battleId: "one-0" })).toMatchObject({ ending: "DECLINED" });
    const back = await say(p, address("rival-one"), "FORFEIT", { battleId: "one-1" });
    expect(back).toMatchObject({ ending: "WITHDRAWN" });
    expect(code(await accept(p, victim, "one-0"))).toBe("UNKNOWN_BATTLE");
    p.now += 600_000;
    expect(code(await accept(p, victim, "two-0"))).toBe("UNKNOWN_BATTLE");
    expect(await challenge(p, address("rival-two"), victim)).toMatchObject({ success: true });
    expect(
      await p.value(
        `(function() local n = 0 for _ in pairs(Fleet.state("battles").challenges) do n = n + 1 end return n end)()`,
      ),
    ).toBe(1);
  });

  test("is listed however many challenges others send, and can be asked for by its challenger", async () => {
    const p = await base.clone();
    await challenge(p, ASH, GARY, { battleId: "honest" });
    // Later ones of 13 wallets, eight each; made in the state.
    await p.eval(`local s, now = Fleet.state("battles"), Fleet.now()
      for i = 1, 104 do
        local id = "flood-" .. i
        s.challenges[id] = { id = id, status = "CHALLENGED", players = { "w" .. i % 13, "${GARY}" }, turn = 1, pending = {}, seed = id,
          startedAt = now + 1, movedAt = now, teams = s.challenges.honest.teams, play = '{"arena":{},"history":[],"last":[]}' }
      end`);
    const listed = await say(p, GARY, "LIST_BATTLES", {});
    const battles = listed.battles as unknown as { battleId: string; challenger: string }[];
    expect(listed).toMatchObject({ count: 100, challenges: 105 });
    expect(battles.map(({ battleId }) => battleId)).toContain("honest");
    expect(new Set(battles.map(({ challenger }) => challenger)).size).toBe(14);
    expect(await say(p, GARY, "LIST_BATTLES", { opponent: ASH })).toMatchObject({
      ...{ count: 1, challenges: 1, battles: [{ battleId: "honest", challenger: ASH }] },
    });
    await p.drop();
  });

  test("loses no place to one who sends many, nor a battle its place to one who fights many", async () => {
    const p = await base.clone();
    await challenge(p, ASH, GARY, { battleId: "honest" });
    // 999 challenges by 125 wallets, as each could send 8; made in the state, which has 1,000 places.
    await p.eval(`local s, now = Fleet.state("battles"), Fleet.now()
      local function fill(into, n, status)
        for i = 1, n do
          local id = status .. i
          into[id] = { id = id, status = status, players = { "w" .. i % 125, "v" .. i % 125 }, turn = 1, pending = {}, seed = id,
            startedAt = now, movedAt = now, teams = s.challenges.honest.teams, play = '{"arena":{},"history":[],"last":[]}' }
        end
      end
      fill(s.challenges, 999, "CHALLENGED") fill(s.battles, 1000, "ACTIVE")`);
    expect(await challenge(p, STRANGER, GARY, { battleId: "late" })).toMatchObject({ success: true });
    expect(code(await accept(p, GARY, "honest"))).toBe("BUSY");
    p.now += 60_000;
    expect(await accept(p, GARY, "honest")).toMatchObject({ success: true, status: "ACTIVE" });
    expect(await accept(p, GARY, "late")).toMatchObject({ success: true, status: "ACTIVE" });
    const count = `(function() local n = 0 for _, b in pairs(Fleet.state("battles").battles) do if b.status == "ACTIVE" then n = n + 1 end end return n end)()`;
    expect(await p.value(count)).toBe(1000);
    // What nobody continues ends for the next one who comes.
    p.now += 3_600_000;
    await challenge(p, ASH, STRANGER, { battleId: "next" });
    await accept(p, STRANGER, "next");
    expect(await p.value(count)).toBe(996);
  });

  test("that ends in many battles does not push out a prize that another has not claimed", async () => {
    const p = await base.clone();
    await p.eval(`local s = Fleet.state("battles")
      local function add(id, winner, status)
        s.battles[id] = { id = id, status = "FINISHED", players = { winner, "x" }, winner = winner, prize = { status = status, amount = 200 }, play = "{}", teams = "[]" }
        s.finished[#s.finished + 1] = id
      end
      add("mine", "${ASH}", "OPEN")
      for i = 1, 200 do add("none" .. i, "w", "NONE") end
      for i = 1, 999 do add("theirs" .. i, "w", "OPEN") end`);
    for (const battleId of ["x1", "x2", "x3"]) {
      await challenge(p, STRANGER, GARY, { battleId });
      await accept(p, GARY, battleId);
      await say(p, GARY, "FORFEIT", { battleId });
    }
    const kept = `{ mine = Fleet.state("battles").battles.mine ~= nil, none = Fleet.state("battles").battles.none3 ~= nil, n = #Fleet.state("battles").finished }`;
    expect(await p.value(kept)).toEqual({ mine: true, none: false, n: 1200 });
  });
});
