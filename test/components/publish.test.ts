import { readFile } from "node:fs/promises";
import { beforeEach, expect, test } from "vitest";
import { planFleet } from "../../components/plan.ts";
import { problemsOf } from "../kit/failure.ts";
import { enterFolder, writeFiles } from "../kit/folder.ts";

/** What a member declares to publish, in its bundle. */

beforeEach(() => {
  enterFolder("publish");
  writeFiles({ "processes/token/process.lua": "Balances = Balances or {}\nreturn 1\n" });
});

const plan = (member: object) =>
  planFleet(
    { network: { kind: "local", dir: ".fleet/localnet" }, processes: { token: member } },
    { home: ".fleet", build: "build" },
    () => undefined,
  );
const bundled = async (member: object) => {
  await plan(member);
  return readFile("build/token-process.lua", "utf8");
};

test("the names are passed to the library, and a member that publishes nothing keeps its code", async () => {
  expect(await bundled({ publish: ["Balances", "notes-1"] })).toContain(
    'rawset(_G, "FLEET_PUBLISH", "Balances,notes-1")',
  );
  const without = await bundled({});
  expect(without).not.toContain('rawset(_G, "FLEET_PUBLISH"');
  expect(await bundled({ publish: [] })).toBe(without);
});

test("names that differ only in case are refused: to a node they are one key", async () => {
  expect(await problemsOf(plan({ publish: ["Balances", "Supply", "balances"] }))).toMatchObject([
    { code: "BAD_VALUE", at: "processes.token.publish" },
  ]);
});

test.each(["fleet", "Fleet", "device", "results", "execution-device", "At-Slot", "a/b", "a.b", "", "1x"])(
  "the name %j is refused at its path",
  async (key) => {
    expect(await problemsOf(plan({ publish: ["Balances", key] }))).toMatchObject([
      { code: "BAD_VALUE", at: "processes.token.publish.1" },
    ]);
  },
);
