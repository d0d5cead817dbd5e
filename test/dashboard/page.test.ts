import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FleetError } from "../../src/core/errors.ts";
import { type Dashboard, serveDashboard } from "../../src/dashboard/server.ts";
import { actingIn } from "../kit/acting.ts";
import { expectAccessible, openBrowser } from "./browser.ts";
import { FakeSource, guideFleet, processView } from "./fixture.ts";

let browser: Browser;
let page: Page;
let dashboard: Dashboard;
let source: FakeSource;
const complaints: string[] = [];
const requested: string[] = [];

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

async function open(options: { actions?: boolean; dark?: boolean; width?: number } = {}) {
  dashboard = await serveDashboard(source, {
    host: "127.0.0.1",
    port: 0,
    everySeconds: 0.1,
    allowActions: options.actions ?? false,
  });
  page = await browser.newPage({
    colorScheme: options.dark ? "dark" : "light",
    viewport: { width: options.width ?? 1280, height: 900 },
  });
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => requested.push(request.url()));
  await page.goto(dashboard.url);
  await page.waitForSelector("#count");
}

beforeEach(() => {
  source = new FakeSource(guideFleet());
  complaints.length = 0;
  requested.length = 0;
});
afterEach(async () => {
  await page?.close();
  await dashboard?.close();
});

/** The address without the token. */
const base = () => dashboard.url.split("#")[0] ?? "";
const text = async (selector: string) => (await page.textContent(selector))?.replace(/\s+/g, " ").trim();

describe("the page", () => {
  it("shows every process in graph and table, and contacts no other host", async () => {
    await open();
    expect(await text("#count")).toBe("4 of 4 processes are healthy");
    expect(await page.locator(".graph .node").count()).toBe(4);
    expect(await page.locator(".graph .edge").count()).toBe(2);
    expect(await page.locator("tbody tr").count()).toBe(4);
    expect(complaints).toEqual([]);
    expect(requested.filter((url) => new URL(url).origin !== new URL(dashboard.url).origin)).toEqual([]);
  });

  it("follows the fleet without a reload", async () => {
    await open();
    source.set({
      processes: guideFleet().map((process) =>
        process.name === "battle"
          ? { ...process, health: "UNHEALTHY", reasons: ["settlement is stuck"] }
          : process,
      ),
      alerts: [
        {
          id: "a1",
          type: "PROCESS_UNHEALTHY",
          level: "ERROR",
          source: "battle",
          message: "battle is UNHEALTHY",
          state: "OPEN",
          raisedAt: "2026-01-01T00:00:00.000Z",
          count: 1,
        },
      ],
    });
    await page.locator("#count", { hasText: /^3 of 4/ }).waitFor();
    expect(await text("tbody tr:has-text('battle')")).toContain("settlement is stuck");
    expect(await text("nav")).toContain("Alerts (1)");
    expect(await page.title()).toBe("3/4 game/dev");
  });

  it.each([false, true])("is accessible on every page (dark: %s)", async (dark) => {
    source.set({
      releases: releases(),
      traffic: traffic(),
      alerts: [
        {
          id: "a1",
          type: "SECURITY_ALERT",
          level: "CRITICAL",
          source: "shop",
          message: "a stranger tried",
          state: "OPEN",
          raisedAt: "2026-01-01T00:00:00.000Z",
          count: 2,
        },
      ],
      processes: [...guideFleet(), processView("ill", { health: "OFFLINE", reasons: ["did not answer"] })],
    });
    await open({ dark, actions: true });
    for (const hash of ["#/fleet", "#/process/battle", "#/releases", "#/traffic", "#/alerts"]) {
      await page.goto(base() + hash);
      await page.waitForSelector("h2");
      await expectAccessible(page);
    }
    expect(complaints).toEqual([]);
  });

  it("shows messages by slot as text, page by page, and the audit ring", async () => {
    await open();
    await page.click(".graph a[href='#/process/battle']");
    await page.waitForSelector(".messages li");
    expect(await page.locator(".messages li").count()).toBe(25);
    expect(await text(".messages li:first-child")).toContain("#40");
    expect(await text(".messages li:first-child pre")).toBe('{"by":40,"html":"<b>bold</b>"}');
    await page.click("text=Earlier messages");
    await page.locator(".messages li:nth-child(41)").waitFor();
    await page.click("text=Load audit");
    await page.waitForSelector("text=FORBIDDEN");
  });

  it("compares any two releases", async () => {
    source.set({ releases: releases() });
    await open();
    await page.keyboard.press("2");
    await page.waitForSelector("text=of deploy-1");
    expect(await text("section:nth-of-type(2) tbody tr")).toBe("battleversionof deploy-1of deploy-2");
    await page.selectOption("label:has-text('from') select", "deploy-2");
    await page.locator("tr", { hasText: "of deploy-2of deploy-2" }).waitFor();
  });

  it("changes nothing unless actions are allowed", async () => {
    source.set({ traffic: traffic(), releases: releases() });
    await open();
    await page.goto(`${base()}#/traffic`);
    await page.waitForSelector("text=30 %");
    expect(await page.locator("main thead th").allTextContents()).toContain("open");
    const cells = await page.locator("main tbody tr").nth(1).locator("td.number").allTextContents();
    expect(cells).toEqual(["30 %", "30", "1", "2", "4", "–"]);
    expect(await page.locator("main button").count()).toBe(0);
    const answer = await fetch(`${dashboard.url}api/actions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ kind: "abort" }),
    });
    expect(answer.status).toBe(403);
    expect(source.acted).toEqual([]);
  });

  it("asks for confirmation before it acts, then shows the result", async () => {
    source.set({ traffic: traffic(), releases: releases() });
    await open({ actions: true });
    await page.goto(`${base()}#/releases`);
    await page.click("text=Roll back to 1");
    expect(source.acted).toEqual([]);
    await page.fill("dialog input", "it lost battles");
    await page.click("dialog button[type=submit]");
    await page.waitForSelector("text=done: rollback");
    expect(source.acted).toEqual([{ kind: "rollback", to: "deploy-1", reason: "it lost battles" }]);
  });

  it("shows a refusal in the fleet's words and offers another attempt", async () => {
    source.set({ traffic: traffic() });
    source.refuses = new FleetError({
      code: "FORBIDDEN",
      what: "You may not.",
      remedy: "Use the owner's wallet.",
    });
    await open({ actions: true });
    await page.goto(`${base()}#/traffic`);
    await page.click("main button:has-text('abort')");
    await page.click("dialog button[type=submit]");
    expect(await text("dialog [role=alert]")).toBe("You may not. [FORBIDDEN] Use the owner's wallet.");
    source.refuses = undefined;
    await page.click("dialog button[type=submit]");
    await page.waitForSelector("text=done: abort");
  });

  it("keeps the token out of the address, of requests and of other tabs, and for a reload", async () => {
    await open({ actions: true });
    const token = dashboard.url.split("#token=")[1] ?? "";
    expect(token).not.toBe("");
    expect(page.url()).toBe(base());
    await page.reload();
    await page.waitForSelector("#count");
    expect(requested.length).toBeGreaterThan(10);
    expect(requested.filter((url) => url.includes(token))).toEqual([]);
    expect(
      await page.evaluate("document.cookie + document.referrer + JSON.stringify(localStorage)"),
    ).not.toContain(token);
    expect(complaints).toEqual([]);
    const other = await browser.newPage();
    await other.goto(base());
    await other.waitForSelector("[role=alert]");
    expect(await other.textContent("[role=alert]")).toContain("[TOKEN_MISSING]");
    await other.close();
  });

  it("shows what processes wrote without letting it act, in text, titles and attributes", async () => {
    const hostile = "\u202eevil\u2066\u200b\u001b[2J";
    const shown = "\\u202eevil\\u2066\\u200b\\u001b[2J";
    source.set({
      processes: [
        ...guideFleet(),
        processView("odd", {
          health: "constructor",
          version: hostile,
          reasons: [`${hostile}\nHEALTHY`],
          processId: hostile,
        }),
      ],
      problems: [`no ${hostile}`],
      releases: releases().map((release) => ({ ...release, what: hostile, who: hostile })),
    });
    await open();
    await page.locator("main", { hasText: shown }).first().waitFor();
    for (const hash of ["#/fleet", "#/process/odd", "#/releases"]) {
      await page.goto(base() + hash);
      await page.waitForSelector("h2");
      // Everything that is shown: text and attributes.
      const all = await page.evaluate("document.documentElement.outerHTML + document.title");
      expect(all).toContain(shown);
      expect(actingIn(String(all), "\n")).toEqual([]);
    }
    await page.goto(`${base()}#/process/%E0%A4%A`);
    await page.waitForSelector("[role=alert]");
    expect(complaints).toEqual([]);
  });

  it.each([
    ["traffic", "The traffic table could not be read.", /^No traffic table: /],
    ["alerts", "Not all alerts could be read.", /^None\.$/],
    ["releases", "The stack's history could not be read.", /^No deployments yet\.$/],
  ] as const)("does not say that there are no %s if they could not be read", async (part, unread, none) => {
    source.set({ unread: [part] });
    await open();
    await page.goto(`${base()}#/${part}`);
    await page.locator("main p", { hasText: unread }).waitFor();
    source.set({ unread: [] });
    await page.locator("main p", { hasText: none }).waitFor();
    expect(await page.textContent("main")).not.toContain(unread);
  });

  it("works with 200 processes, and on a phone without horizontal scrolling", async () => {
    const many = Array.from({ length: 200 }, (_, index) =>
      processView(`process-${index}`, { dependsOn: index < 8 ? [] : [`process-${index % 8}`] }),
    );
    source = new FakeSource(many);
    await open({ width: 375 });
    expect(await text("#count")).toBe("200 of 200 processes are healthy");
    await page.fill("#filter", "process-19");
    await page.locator("[role=status]", { hasText: "11 of 200" }).waitFor();
    const [inner, whole] = await page.evaluate<[number, number]>(
      "[innerWidth, document.documentElement.scrollWidth]",
    );
    expect(whole).toBeLessThanOrEqual(inner);
  });

  it("reports a lost server, and recovers with it", async () => {
    await open();
    const { port } = new URL(dashboard.url);
    await dashboard.close();
    await page.locator("#taken", { hasText: "broken" }).waitFor();
    dashboard = await serveDashboard(source, {
      host: "127.0.0.1",
      port: Number(port),
      everySeconds: 0.1,
      allowActions: false,
    });
    await page.locator("#taken", { hasText: "as of" }).waitFor();
  });
});

const releases = () => [
  {
    number: 2,
    deploymentId: "deploy-2",
    at: "2026-01-02T00:00:00.000Z",
    kind: "deploy",
    result: "succeeded",
    who: "A",
    commit: "abcdef12",
    what: "battle code",
    current: true,
  },
  {
    number: 1,
    deploymentId: "deploy-1",
    at: "2026-01-01T00:00:00.000Z",
    kind: "deploy",
    result: "succeeded",
    who: "A",
    commit: null,
    what: "battle joins",
    current: false,
  },
];

const traffic = () => ({
  release: "deploy-2",
  step: 2,
  mode: "rollout",
  notes: ["paused by nobody"],
  leaseUntil: "2026-01-01T00:10:00.000Z",
  services: [
    {
      service: "battle",
      routes: [
        {
          processId: "b".repeat(43),
          revision: "aa".repeat(32),
          weightBp: 7000,
          requests: 70,
          errors: 0,
          refused: 0,
          open: 0,
          p95Ms: 20,
        },
        {
          processId: "g".repeat(43),
          revision: "bb".repeat(32),
          weightBp: 3000,
          requests: 30,
          errors: 1,
          refused: 2,
          open: 4,
          p95Ms: null,
        },
      ],
    },
  ],
});
