/** What `fleet status --quick` shows where processes publish their state: a HyperBEAM node. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { FleetError } from "../../src/core/errors.ts";
import type { OperationContext } from "../../src/operations/context.ts";
import { fleetSource } from "../../src/operations/view/source.ts";
import { temporaryFolder, writeFiles } from "../kit/folder.ts";
import { declaredProcess, releaseOf } from "../kit/release.ts";
import { type Behaviour, fakeAo, fakeFleet, fleet, HASH, idOf, MANIFEST_HEAD, member } from "./fakes.ts";

const AT = Date.now() - 5 * 60_000;
const STATE = {
  ...{ schema: 1, name: "battle", status: "ACTIVE", version: "1.0.0", sourceHash: HASH, epoch: 7 },
  ...{ release: "deploy-1", at: AT, slot: 12, health: { healthStatus: "HEALTHY", failed: [] } },
};
const asked: Behaviour = () => ({
  reply: {
    ...{ success: true, name: "shop", status: "ACTIVE", version: "1.0.0", sourceHash: HASH, epoch: 7 },
    release: "deploy-1",
  },
});
const two = [member("battle"), member("shop")];

const NO_BACKEND = { code: "STATE_UNREADABLE", what: "The backend is down.", remedy: "Look." };

/** A network that serves this for battle, and nothing for any other. */
function serving(state: unknown, behave = asked) {
  const ao = fakeAo(behave);
  const dry: string[] = [];
  return {
    dry,
    ao: {
      ...ao,
      dryrun: async (...given: Parameters<typeof ao.dryrun>) => {
        dry.push(given[0].processId);
        return ao.dryrun(...given);
      },
      published: async ({ processId, path }: { processId: string; path: readonly string[] }) =>
        processId === idOf("battle") && path.join("/") === "fleet/state" ? (state as string) : undefined,
    },
  };
}

test("a process that publishes its state is not asked, and shown with the time and slot", async () => {
  for (const state of [STATE, JSON.stringify(STATE)]) {
    const { ao, dry } = serving(state);
    const ran = await fleet(["status", "--quick", "--json"], { fleet: fakeFleet(ao, two) });
    expect(ran.code).toBe(0);
    expect(ran.json()).toMatchObject({
      processes: [
        {
          ...{
            name: "battle",
            health: "ACTIVE",
            epoch: 7,
            release: "deploy-1",
            responseMs: null,
            reasons: [],
          },
          published: { slot: 12, at: new Date(AT).toISOString() },
        },
        { name: "shop", health: "ACTIVE", responseMs: expect.any(Number) },
      ],
    });
    // Once in the search for a router, and once for its row.
    expect(dry).toEqual([idOf("shop"), idOf("shop")]);
  }
  const text = await fleet(["status", "--quick"], { fleet: fakeFleet(serving(STATE).ao, two) });
  expect(text.stdout).toMatch(/^battle .* deploy-1 {2}published 5 min ago, slot 12$/m);
  expect(text.stdout).toMatch(/^shop .* deploy-1$/m);
});

test("other code than deployed is shown, whoever reports it", async () => {
  const { ao } = serving({ ...STATE, sourceHash: "cd".repeat(32) });
  const ran = await fleet(["status", "--quick", "--json"], { fleet: fakeFleet(ao, two) });
  expect(ran.json()).toMatchObject({
    processes: [{ reasons: ["it runs code cdcdcdcd instead of abababab"] }, { reasons: [] }],
  });
});

test.each([
  ["of another schema", { ...STATE, schema: 2 }],
  ["without a status", { ...STATE, status: undefined }],
  ["that is no JSON", "hello"],
  ["that is a list", ["a"]],
])("a process that publishes something %s is asked", async (_, state) => {
  const { ao, dry } = serving(state);
  const ran = await fleet(["status", "--quick", "--json"], { fleet: fakeFleet(ao, two) });
  expect(ran.json()).toMatchObject({ processes: [{ health: "ACTIVE", responseMs: expect.any(Number) }, {}] });
  expect(new Set(dry)).toEqual(new Set([idOf("battle"), idOf("shop")]));
});

test("a process with a cron that the monitor drives is asked when it last ticked", async () => {
  const lastTickAt = Date.now() - 10_000;
  const stats = { messages: 1, errors: 0, refused: 0, lastTickAt };
  const { ao, dry } = serving(STATE, (request) => ({ reply: { ...Object(asked(request).reply), stats } }));
  const known = fakeFleet(ao, two);
  const folder = temporaryFolder("published");
  Object.assign(known.session.scope, { home: join(folder, ".fleet"), build: join(folder, "build") });
  const cron = { tags: { "Cron-Interval": "30-seconds" }, cronDriver: "monitor" as const };
  const deployed = { status: "ACTIVE", deploymentTime: new Date(Date.now() - 3_600_000), dependencies: [] };
  const manifest = {
    ...{ ...MANIFEST_HEAD, project: "ao-fleet", stack: "dev" },
    processes: { battle: { ...deployed, processId: idOf("battle") } },
  };
  writeFiles(
    {
      ".fleet/releases/ao-fleet.dev/current.json": JSON.stringify(
        releaseOf("d", 1, { battle: declaredProcess(cron) }),
      ),
      "build/deployment-manifest.json": JSON.stringify(manifest),
    },
    folder,
  );
  const ran = await fleet(["status", "--quick", "--json"], { fleet: known });
  expect(ran.json()).toMatchObject({
    processes: [
      { name: "battle", lastTickAt: new Date(lastTickAt).toISOString(), reasons: [] },
      { name: "shop", reasons: [] },
    ],
  });
  expect(dry).toContain(idOf("battle"));
});

test("status without --quick is a verdict: it signs, whatever is published", async () => {
  const { ao } = serving(STATE);
  await fleet(["status"], { fleet: fakeFleet(ao, [member("battle")]) });
  expect(ao.sent.map(({ tags }) => tags.Action)).toEqual(["HEALTH_CHECK"]);
});

test("on a HyperBEAM node, status names the explorer's page of each process and where it publishes", async () => {
  const known = fakeFleet(serving(STATE).ao, [member("battle"), member("plain", { lib: false })]);
  const units = {
    nodeUrl: "https://node.example/",
    gatewayUrl: "https://a.example",
    graphqlUrl: "https://a.example",
  };
  const network = { ...known.session.network, kind: "mainnet" as const, protocol: "mainnet" as const, units };
  const onNode = { ...known, session: { ...known.session, network } };
  const explorer = `https://www.ao.link/#/entity/${idOf("battle")}`;
  const node = `https://node.example/${idOf("battle")}~process@1.0/now/fleet/state`;
  const ran = await fleet(["status", "--quick", "--json"], { fleet: onNode });
  expect(ran.json()).toMatchObject({
    processes: [
      { explorer, node },
      { name: "plain", node: null },
    ],
  });
  const text = await fleet(["status", "--quick"], { fleet: onNode });
  expect(text.stdout).toContain("explorer: https://www.ao.link/#/entity/<id>\n");
  expect(text.stdout).toContain("published: https://node.example/<id>~process@1.0/now/fleet/state\n");
  const context = { projectDir: "/nowhere", workspace: () => Promise.reject(new FleetError(NO_BACKEND)) };
  const page = fleetSource(context as unknown as OperationContext, onNode, async () => {});
  expect((await page.observe()).processes).toMatchObject([
    { explorer, node },
    { name: "plain", node: null },
  ]);
});
