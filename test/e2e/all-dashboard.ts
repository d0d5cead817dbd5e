/**
 * A person's actions on the page take effect on the network: a rollout is promoted, one is aborted, the fleet is rolled back, on a real stack in
 * a real browser. With FLEET_PICTURES=<folder> the Traffic page is saved as a picture.
 */
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { status } from "../../src/localnet/index.ts";
import { openFleet } from "../../src/operations/workspace/open-fleet.ts";
import { placeOf, type ShownPage, savePicture, showPage } from "./page.ts";
import { newPlayer, type Player } from "./player.ts";
import { newProject, type Project, type Ran } from "./project.ts";
import { rollingFleet, upWith } from "./rollouts.ts";

const GATED = {
  kind: "blue-green",
  trafficStrategy: "CANARY",
  steps: [{ weightBp: 3000, gate: "manual" }, { weightBp: 10_000 }],
  intervalSeconds: 1,
  checks: [{ kind: "health" }],
};

let project: Project;
let player: Player;
let coordinator: string;
let shown: ShownPage;
let page: Page;
const undo: (() => unknown)[] = [];

const up = (strategy: unknown): Promise<Ran> => project.pulumi(upWith(strategy));
let edition = "first";
function edit(to: string): void {
  project.edit("processes/battle/process.lua", `edition = "${edition}"`, `edition = "${to}"`);
  edition = to;
}
const hit = async (): Promise<string> =>
  String((await player.route(coordinator, "battle", "HIT", { player: "somebody" })).edition);

beforeAll(async () => {
  project = await newProject("rolling", rollingFleet());
  undo.push(() => project.close());
  const first = await up("parallel");
  if (first.code !== 0) throw new Error(first.text);
  const { info } = await status(join(project.dir, ".fleet/localnet"));
  if (!info) throw new Error("the network is down");
  player = await newPlayer(info);
  const ids = await project.output<Record<string, { processId: string }>>("processes");
  coordinator = ids.coordinator?.processId ?? "";
  const fleet = async () =>
    openFleet(placeOf(project).workspace, "dev", { journal: "discard", note: () => {} });
  const opened = await fleet();
  undo.push(() => opened.close());
  shown = await showPage(project, opened, { fleet, height: 480, everySeconds: 0.5, allowActions: true });
  undo.push(() => shown.close());
  page = shown.page;
  // The page keeps the token of the address that is opened first.
  await page.goto(shown.url);
});
afterAll(async () => {
  for (const step of undo.reverse()) await step();
});

/** Presses a button of the page and confirms its dialog; ends when the page reports the result. */
async function press(name: string | RegExp, reason?: string): Promise<void> {
  await page
    .getByRole("button", { name, exact: typeof name === "string" })
    .first()
    .click();
  const dialog = page.locator("dialog[open]");
  if (reason !== undefined) await dialog.locator("input").fill(reason);
  await dialog.locator("button.strong").click();
  await dialog.getByRole("status").waitFor({ timeout: 200_000 });
  await dialog.getByRole("button", { name: "Close" }).click();
}

const open = async (tab: string, title: string): Promise<void> => {
  await page.goto(`${new URL(shown.url).origin}/#/${tab}`);
  await page.waitForSelector(title);
};

describe("the page of a real fleet", () => {
  it("promotes a rollout that waits at its gate", async () => {
    edit("second");
    const waits = await up(GATED);
    expect(waits.code).not.toBe(0);
    expect(waits.text).toContain("[GATE]");
    await open("traffic", "#traffic-title");
    await page.locator("#traffic-title", { hasText: "held" }).waitFor();
    await page.locator("td", { hasText: "30 %" }).first().waitFor();
    await savePicture(page, "dashboard-traffic");
    await press("promote");
    const done = await up(GATED);
    expect(done.text).toContain("COMPLETED");
    expect(done.code).toBe(0);
    expect(await hit()).toBe("second");
    await page.locator("#traffic-title", { hasText: "steady" }).waitFor();
  });

  it("aborts another one: traffic is where it was, and the router names the person", async () => {
    edit("third");
    expect((await up(GATED)).text).toContain("[GATE]");
    await open("traffic", "#traffic-title");
    await page.locator("td", { hasText: "30 %" }).first().waitFor();
    await press("abort");
    await page.locator("#traffic-title", { hasText: "steady" }).waitFor();
    expect(await hit()).toBe("second");
    const state = (await player.ask(coordinator, "GET_TRAFFIC", {})) as unknown as {
      reverted: { why: string };
    };
    expect(state.reverted.why).toBe("abort");
    await open("process/coordinator", "h2");
    await page.getByRole("button", { name: "Load audit" }).click();
    await page.locator("tr", { hasText: "TRAFFIC_COMMAND" }).first().waitFor();
  });

  it("rolls the fleet back to the chosen release, with the reason", async () => {
    await open("releases", "#releases-title");
    await press(/^Roll back to 1$/, "the page was asked to");
    expect(await hit()).toBe("first");
    await page.locator("tr", { hasText: "rollback to" }).first().waitFor();
    expect(await project.idle()).toBe("");
  });
});
