/** The processes that the monitor ticks: those that serve, whatever the files of the last run say. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { FleetError } from "../../src/core/errors.ts";
import { recordInManifest } from "../../src/fleet/members/manifest.ts";
import { servingFleet } from "../../src/fleet/members/serving.ts";
import { ScopeSchema } from "../../src/fleet/session/scope.ts";
import { TickedProcesses } from "../../src/operations/tick/ticked.ts";
import { type Behaviour, fakeAo, fakeFleet, idOf, MANIFEST_HEAD } from "../cli/fakes.ts";
import { temporaryFolder, writeFiles } from "../kit/folder.ts";
import { declaredProcess, releaseOf } from "../kit/release.ts";

const [GATE, BLUE, GREEN, RED] = ["gate", "blue", "green", "red"].map(idOf) as [
  string,
  string,
  string,
  string,
];
const entry = { status: "ACTIVE", deploymentTime: "", dependencies: [], generation: 1 };
const cron = { tags: { "Cron-Interval": "30-seconds" }, cronDriver: "monitor" as const };

/** A router that gives all requests to one process. */
const giving =
  (processId: string): Behaviour =>
  () => {
    const routes = [{ processId, revision: `${processId}-code`, weightBp: 10_000 }];
    const services = { quote: { key: "sender", routes } };
    const table = { release: "r", step: 1, salt: "s", mode: "steady", at: 1, services };
    return { reply: { success: true, table, proofs: [], serial: 1, epoch: 1, at: 2 } };
  };
const silent: Behaviour = () => {
  throw new FleetError({ code: "UNIT_DOWN", what: "The unit is down.", expected: "a unit", remedy: "Wait." });
};

test("a cron follows the router's table, stays if the router is silent, and follows a later run", async () => {
  const folder = temporaryFolder("ticked");
  const home = join(folder, ".fleet");
  const scope = ScopeSchema.parse({ project: "p", stack: "dev", home, build: join(folder, "build") });
  const declaration = { gate: declaredProcess(), quote: declaredProcess(cron) };
  writeFiles({ "releases/p.dev/current.json": JSON.stringify(releaseOf("d", 1, declaration)) }, home);
  const deploy = (processId: string) =>
    recordInManifest(scope, MANIFEST_HEAD, {
      gate: { ...entry, processId: GATE },
      quote: { ...entry, processId, router: "gate" },
    });
  await deploy(BLUE);
  const served = async (router: Behaviour) => {
    const fleet = fakeFleet(fakeAo(router), []);
    const session = { ...fleet.session, scope };
    const readState = async () => ({ members: [], revisions: {} });
    return { ...fleet, session, ...(await servingFleet(session, { readState, note: () => {} })) };
  };
  const ticked = new TickedProcesses(await served(giving(BLUE)));
  const ids = async () => (await ticked.now()).map(({ processId }) => processId);
  expect(await ids()).toEqual([BLUE]);
  // Promoted: no run has written it down.
  ticked.follow(await served(giving(GREEN)));
  expect(await ids()).toEqual([GREEN]);
  ticked.follow(await served(silent));
  expect(await ids()).toEqual([GREEN]);
  // The table that was read does not know a process of a later run.
  await deploy(RED);
  expect(await ids()).toEqual([RED]);
  ticked.follow(await served(giving(GREEN)));
  expect(await ids()).toEqual([GREEN]);
});
