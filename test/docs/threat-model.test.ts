/** What the threat model claims: the tests that it names, and the prices in wallets, from the code. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const page = read("docs/threat-model.md");

/** Tests that the page names: a name without a folder is in the folder of the one before. */
function named(): string[] {
  let folder = "";
  return [...page.matchAll(/`((?:test\/)?[\w/-]+(?:\.test\.ts)?)`/g)].flatMap(([, name = ""]) => {
    if (!name.startsWith("test/") && !name.endsWith(".test.ts")) return [];
    const path = name.includes("/") ? name : join(folder, name);
    folder = dirname(path);
    return [path];
  });
}

test("every test and every fault family that it names exists", () => {
  const paths = named();
  expect(paths.length).toBeGreaterThan(40);
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  const sources = globSync("test/faults/families/*.ts", { cwd: root }).map(read).join("\n");
  const families = [...page.matchAll(/fault families ((?:[A-Z]\d(?: to [A-Z]\d)?(?:, )?)+)/g)].flatMap(
    ([, list = ""]) =>
      list.split(", ").flatMap((part) => {
        const [from = "", to = from] = part.split(" to ");
        const count = Number(to.slice(1)) - Number(from.slice(1)) + 1;
        return Array.from({ length: count }, (_, n) => `${from[0]}${Number(from.slice(1)) + n}`);
      }),
  );
  expect(families).toEqual(expect.arrayContaining(["N1", "N2", "N3", "N4", "M1", "K1"]));
  expect(families.filter((family) => !sources.includes(`"${family}"`))).toEqual([]);
});

/** The numbers of an assignment in Lua, in their order. */
function numbers(path: string, names: string): number[] {
  const line = read(path)
    .split("\n")
    .find((each) => each.startsWith(`${names} = `));
  if (line === undefined) throw new Error(`${path} does not assign ${names}`);
  return line
    .slice(names.length + 3)
    .split(", ")
    .map((value) => value.split(" / ").map(Number))
    .map(([first = Number.NaN, second]) => (second === undefined ? first : first / second));
}

const ROWS = new Map(
  [...page.matchAll(/^\| ([\d,]+(?: \+ [\d,]+)?)(?:, [^|]*)? \| (.*) \|$/gm)].map(
    ([, price = "", text = ""]) => [price, text],
  ),
);
const written = (n: number): string => n.toLocaleString("en-US");

test("the prices in wallets are those of the code", () => {
  const library = "src/runtime/fleet";
  const [open = 0] = numbers(`${library}/calls.lua`, "calls.MAX_OPEN");
  const [forNew = 0, forKnown = 0, forEach = 0] = numbers(
    `${library}/call-room.lua`,
    "local FOR_NEW, FOR_KNOWN, FOR_EACH",
  );
  // One wallet has the half of which nobody's are counted.
  const callers = (share: number) => 1 + Math.ceil((share - 1 / 2) / forEach);
  const [perDay = 0, perPlayer = 0] = numbers("processes/shop/fund.lua", "fund.PER_DAY, fund.PER_PLAYER");
  const [fund = 0] = numbers("processes/shop/fund.lua", "fund.INITIAL");
  const [battles = 0, each = 0] = numbers("processes/battle/hall.lua", "hall.MAX_OPEN, hall.MAX_OPEN_EACH");
  const [challenges = 0] = numbers(
    "processes/battle/challenges.lua",
    "challenges.MAX, challenges.MAX_EACH, challenges.LIFETIME",
  );
  const [places = 0] = numbers(`${library}/router-callers.lua`, "local PLACES");
  const remembered = Number(/^local REMEMBERED.* = (\d+),/m.exec(read(`${library}/router-callers.lua`))?.[1]);
  const [known = 0] = numbers(`${library}/callers.lua`, "callers.KNOWN, callers.FRESH");
  const senders = numbers(`${library}/marks.lua`, "marks.MOST_OF_ONE, marks.MOST_CHUNKS, marks.MOST_SENDERS");
  const prices: [number | string, RegExp][] = [
    [callers(forNew), new RegExp(`\\(${written(open * forNew)} of ${written(open)}: .* ${open * forEach} `)],
    [callers(forKnown), new RegExp(`\\(${written(open * forKnown)} of ${written(open)}\\)`)],
    [
      perDay / perPlayer,
      new RegExp(
        `\\(${perDay / perPlayer} × ${written(perPlayer)} of ${written(perDay)}\\).* ${fund / perDay} days`,
      ),
    ],
    [`${places} + ${places}`, new RegExp(`^hold all places .*: ${places} .* first ${places} new`)],
    [(battles * 2) / each, new RegExp(`^keep all ${written(battles)} places for battles`)],
    [written(challenges), new RegExp(`after ${written(challenges)} newer ones`)],
    [written(remembered), /^with one answered request each a week .*router's memory/],
    [written(known), /callers from before$/],
    [written(senders[2] ?? 0), /make it forget that caller/],
  ];
  for (const [price, text] of prices) expect(ROWS.get(String(price)), `${price} wallets`).toMatch(text);
});
