/** The process behind a member's name is the one with its traffic, whatever the state says and whichever stack was deployed last. */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import type { Ao } from "../../src/ao/port.ts";
import { FleetError } from "../../src/core/errors.ts";
import { fleetInState } from "../../src/fleet/members/fleet-in-state.ts";
import { manifestPath, readManifest, recordInManifest } from "../../src/fleet/members/manifest.ts";
import { servingFleet } from "../../src/fleet/members/serving.ts";
import { type Scope, ScopeSchema } from "../../src/fleet/session/scope.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import { failureOf } from "../kit/failure.ts";
import { temporaryFolder, writeFiles } from "../kit/folder.ts";
import { type Behaviour, fakeAo, fakeFleet, idOf, MANIFEST_HEAD } from "./fakes.ts";

const [GATE, BLUE, GREEN] = [idOf("gate"), idOf("blue"), idOf("green")];
let scope: Scope;
beforeEach(() => {
  const home = temporaryFolder("serving");
  scope = ScopeSchema.parse({ project: "p", stack: "dev", home, build: join(home, "build") });
});

const revision = (processId: string, version: string, generation: number) => ({
  processId,
  version,
  generation,
  sourceHash: `${version}-code`,
  health: "HEALTHY",
});
const [older, newer] = [revision(BLUE, "1.0.0", 1), revision(GREEN, "2.0.0", 2)];

/** The state after a rollout of `quote`: the wanted revision is the new one, whatever has the traffic. */
const stateOf = ({ active, more = {} }: { active?: string; more?: object }) => ({
  deployment: {
    resources: [
      { type: "pulumi:pulumi:Stack", outputs: {} },
      {
        type: "pulumi-nodejs:dynamic/ao:Process",
        outputs: { name: "gate", processId: GATE, generation: 1, version: "1.0.0" },
      },
      {
        type: "pulumi-nodejs:dynamic/ao:Process",
        outputs: {
          ...{ name: "quote", processId: GREEN, generation: 2, version: "2.0.0" },
          revision: newer,
          revisions: [newer, older],
          strategy: { kind: "new-process", router: "gate" },
          blue: { processId: BLUE, sourceHash: "1.0.0-code" },
          health: { status: "HEALTHY" },
          ...more,
        },
      },
      ...(active === undefined
        ? []
        : [
            {
              type: "pulumi-nodejs:dynamic/ao:Traffic",
              outputs: {
                router: { name: "gate", processId: GATE, generation: 1 },
                active: { quote: active },
              },
            },
          ]),
    ],
  },
});

/** A router that gives so many of 10,000 requests to the new revision. */
const giving =
  (green: number): Behaviour =>
  ({ processId, action }) => {
    if (processId !== GATE || action !== "GET_TRAFFIC") throw new Error(`${action} to ${processId}`);
    const routes = [
      { processId: GREEN, revision: "2.0.0-code", weightBp: green },
      { processId: BLUE, revision: "1.0.0-code", weightBp: 10_000 - green },
    ].filter(({ weightBp }) => weightBp > 0);
    const services = { quote: { key: "sender", routes } };
    const table = { release: "r", step: 1, salt: "s", mode: "steady", at: 1, services };
    return { reply: { success: true, table, proofs: [], serial: 1, epoch: 1, at: 2 } };
  };
const silent: Behaviour = () => {
  throw new FleetError({ code: "UNIT_DOWN", what: "The unit is down.", expected: "a unit", remedy: "Wait." });
};

async function serving(
  router: Behaviour,
  state: unknown,
  more: Pick<Ao, "published"> = {},
  isSigned = false,
) {
  const notes: string[] = [];
  const session = { ...fakeFleet({ ...fakeAo(router), ...more }, []).session, scope } as Session;
  const known = await servingFleet(session, {
    readState: async () => fleetInState(state),
    note: (line) => notes.push(line),
    isSigned,
  });
  return {
    notes,
    quote: known.members.find(({ name }) => name === "quote"),
    names: known.members.map(({ name }) => name),
  };
}

const entry = (processId: string, more: object = {}) => ({
  processId,
  status: "ACTIVE",
  dependencies: [],
  ...more,
});
const asOlder = {
  processId: BLUE,
  generation: 1,
  version: "1.0.0",
  sourceHash: "1.0.0-code",
  status: "ACTIVE",
};
const asNewer = {
  processId: GREEN,
  generation: 2,
  version: "2.0.0",
  sourceHash: "2.0.0-code",
  status: "ACTIVE",
};

describe("without a manifest, as in a fresh clone, a name refers to", () => {
  test.each([
    ["the older revision after an abort that the state does not know", giving(0), GREEN, asOlder],
    ["the older revision after an abort that is in the state", giving(0), BLUE, asOlder],
    ["the older revision during a held canary", giving(3000), BLUE, asOlder],
    ["the newer revision past the middle of a rollout", giving(7000), BLUE, asNewer],
    ["the newer revision after a release", giving(10_000), GREEN, asNewer],
    ["the newer revision after a run that died after the switch", giving(10_000), BLUE, asNewer],
    ["the older revision when a run died before the first table", giving(0), undefined, asOlder],
  ])("%s", async (_, router, active, expected) => {
    const { quote, notes } = await serving(router, stateOf(active === undefined ? {} : { active }));
    expect([quote, notes]).toEqual([{ name: "quote", ...expected }, []]);
  });

  test("the revision that the router signs for, if a command depends on it, and nothing without that", async () => {
    const { reply } = giving(7000)({ processId: GATE, action: "GET_TRAFFIC", tags: {}, data: "" });
    const published: Ao["published"] = async () => JSON.stringify(reply);
    const { quote } = await serving(giving(0), stateOf({ active: GREEN }), { published }, true);
    expect(quote).toEqual({ name: "quote", ...asOlder });
    const unread = serving(silent, stateOf({ active: GREEN }), { published }, true);
    expect(await failureOf(unread)).toMatchObject({ code: "TRAFFIC_UNREADABLE" });
  });

  test("the revision in the table that the router publishes, which is not asked then", async () => {
    const { reply } = giving(7000)({ processId: GATE, action: "GET_TRAFFIC", tags: {}, data: "" });
    for (const table of [reply as object, JSON.stringify(reply)]) {
      const published: Ao["published"] = async ({ processId, path }) =>
        processId === GATE && path.join("/") === "fleet/traffic" ? (table as string) : undefined;
      const { quote, notes } = await serving(silent, stateOf({ active: BLUE }), { published });
      expect([quote, notes]).toEqual([{ name: "quote", ...asNewer }, []]);
    }
    const { quote } = await serving(giving(7000), stateOf({ active: BLUE }), { published: async () => "" });
    expect(quote).toEqual({ name: "quote", ...asNewer });
  });

  test("the state's table if the router does not answer, with a note", async () => {
    for (const [active, expected] of [
      [BLUE, asOlder],
      [GREEN, asNewer],
    ] as const) {
      const { quote, notes } = await serving(silent, stateOf({ active }));
      expect(quote).toEqual({ name: "quote", ...expected });
      expect(notes).toEqual([expect.stringMatching(/cannot read the traffic table of gate.*\[UNIT_DOWN\]/)]);
    }
  });

  test("the only process of a member that is loaded in place, even with an old table", async () => {
    const inPlace = stateOf({ active: BLUE, more: { strategy: undefined, blue: undefined } });
    expect((await serving(silent, inPlace)).quote).toMatchObject({ processId: GREEN });
  });

  test("the wanted revision if a state of an earlier version knows nothing else", async () => {
    const early = stateOf({ more: { strategy: undefined, blue: undefined, revisions: undefined } });
    const { quote, notes } = await serving(silent, early);
    expect([quote, notes]).toEqual([{ name: "quote", ...asNewer }, []]);
  });
});

describe("with a manifest", () => {
  const members = { gate: entry(GATE), quote: entry(BLUE, { ...asOlder, router: "gate" }) };

  test("the router decides: the process with traffic after a lease, a promotion or a dead run", async () => {
    await recordInManifest(scope, MANIFEST_HEAD, members);
    expect((await serving(giving(10_000), stateOf({ active: BLUE }))).quote).toEqual({
      name: "quote",
      ...asNewer,
    });
    expect((await serving(giving(0), stateOf({ active: GREEN }))).quote).toEqual({
      name: "quote",
      ...asOlder,
    });
    // Values that no state has stay empty.
    expect((await serving(giving(10_000), undefined)).quote).toMatchObject({
      ...{ processId: GREEN, version: "", sourceHash: "2.0.0-code", status: "UNKNOWN" },
    });
  });

  test("of an earlier version, which names no router, the state names it if the release moves traffic", async () => {
    await recordInManifest(scope, MANIFEST_HEAD, { ...members, quote: entry(BLUE, asOlder) });
    const current = {
      ...{ scope: {}, declaration: { gate: {}, quote: {} } },
      policies: { gate: {}, quote: { strategy: { kind: "blue-green" } } },
    };
    writeFiles({ "releases/p.dev/current.json": JSON.stringify(current) }, scope.home);
    expect((await serving(giving(10_000), stateOf({ active: BLUE }))).quote).toEqual({
      name: "quote",
      ...asNewer,
    });
  });

  test("of an unfinished run in a fresh clone, the state names the other members", async () => {
    await recordInManifest(scope, MANIFEST_HEAD, {
      gate: entry(GATE),
      quote: { configVersions: { LIMITS: 2 } },
    });
    const { quote, names } = await serving(giving(3000), stateOf({ active: BLUE }));
    expect([names, quote]).toEqual([["gate", "quote"], { name: "quote", ...asOlder }]);
  });

  test("another stack deployed in the same folder removes nothing, and neither does its removal", async () => {
    const two = { ...scope, stack: "two" };
    await recordInManifest(scope, MANIFEST_HEAD, members);
    await recordInManifest(two, { ...MANIFEST_HEAD, deploymentId: "e" }, { quote: entry(idOf("other")) });
    // The documented file describes the latest deployment.
    expect(JSON.parse(readFileSync(manifestPath(scope), "utf8"))).toMatchObject({ stack: "two" });
    expect((await readManifest(scope))?.processes.quote?.processId).toBe(BLUE);
    expect((await readManifest(two))?.processes.quote?.processId).toBe(idOf("other"));
    expect((await serving(silent, stateOf({ active: GREEN }))).quote).toMatchObject({ processId: BLUE });
    await recordInManifest(two, { ...MANIFEST_HEAD, deploymentId: "f" }, { quote: undefined });
    expect((await readManifest(scope))?.processes.quote?.processId).toBe(BLUE);
    // A run of one member keeps the others' entries.
    await recordInManifest(scope, { ...MANIFEST_HEAD, deploymentId: "g" }, { gate: { version: "3" } });
    expect(Object.keys((await readManifest(scope))?.processes ?? {})).toEqual(["gate", "quote"]);
  });

  test("of an earlier version, only the latest deployment's stack has one, and no other project", async () => {
    await recordInManifest(scope, MANIFEST_HEAD, members);
    rmSync(join(scope.build, "deployment-manifest.p.dev.json"));
    expect((await readManifest(scope))?.processes.quote?.processId).toBe(BLUE);
    expect(await readManifest({ ...scope, project: "q" })).toBeUndefined();
    expect(await readManifest({ ...scope, stack: "two" })).toBeUndefined();
  });
});
