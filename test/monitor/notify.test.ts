import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import type { Alert, Change } from "../../src/monitor/alert-book.ts";
import { notify, wantedBy } from "../../src/monitor/notify/send.ts";
import { postsTo } from "../../src/monitor/notify/shapes.ts";
import { WebhookSchema } from "../../src/monitor/notify/webhook.ts";
import { type Receiver, ReceiverSchema } from "../../src/monitor/settings.ts";
import { type MonitorStore, openStore } from "../../src/monitor/store.ts";
import { watching } from "./simulated.ts";

const origin = { project: "game", stack: "prod", network: "legacy" };
const alert = (more: Partial<Alert> = {}): Alert => ({
  alertId: "alert-1",
  type: "PROCESS_OFFLINE",
  source: "shop",
  message: "3 checks <b>&",
  level: "CRITICAL",
  state: "OPEN",
  count: 1,
  raisedAt: 0,
  lastAt: 0,
  escalatedAt: 0,
  ...more,
});
const raised = (more?: Partial<Alert>): Change => ({ kind: "raised", alert: alert(more) });
const resolved: Change = { kind: "resolved", alert: alert({ state: "RESOLVED", resolvedAt: 60_000 }) };

/** Every kind of receiver, on loopback. */
let got: { path: string; headers: IncomingHttpHeaders; body: Record<string, unknown> }[];
let answers: number[];
let base: string;
const server = createServer((request, response) => {
  let text = "";
  request.on("data", (part) => {
    text += part;
  });
  request.on("end", () => {
    got.push({ path: request.url ?? "", headers: request.headers, body: JSON.parse(text) });
    const status = answers.shift() ?? 200;
    response.writeHead(status, status === 302 ? { location: "/elsewhere" } : {}).end("no secret here");
  });
});
beforeEach(async () => {
  got = [];
  answers = [];
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => new Promise((done) => server.close(done)));

const env = () => ({ HOOK: `${base}/hook/SECRET`, KEY: "pd-secret" });
const receiver = (kind: string, more: object = {}) =>
  ReceiverSchema.parse({
    name: kind,
    kind,
    urlEnv: "HOOK",
    ...(kind === "pagerduty" ? { routingKeyEnv: "KEY" } : {}),
    ...more,
  });
const send = (receivers: ReturnType<typeof receiver>[], changes: readonly Change[]) =>
  notify(receivers, outboxOf(receivers, changes), origin, { env: env(), backoffMs: 1 });

/** A store in which these changes wait for these receivers. */
function outboxOf(receivers: readonly Receiver[], changes: readonly Change[]): MonitorStore {
  const store = openStore(":memory:");
  onTestFinished(() => store.close());
  for (const each of receivers) store.addUnsent(each.name, wantedBy(each, changes), 0);
  return store;
}

test("each kind gets the shape that it expects", async () => {
  const kinds = ["webhook", "slack", "discord", "pagerduty"].map((kind) => receiver(kind));
  const sent = await send(kinds, [raised(), raised({ alertId: "alert-2", source: "bank" })]);
  expect(sent.map(({ receiver: name, ok, posts }) => [name, ok, posts])).toEqual([
    ["webhook", true, 1],
    ["slack", true, 1],
    ["discord", true, 1],
    ["pagerduty", true, 2],
  ]);
  expect(
    got.every(
      ({ path, headers }) => path === "/hook/SECRET" && headers["content-type"] === "application/json",
    ),
  ).toBe(true);
  const bodies = got.map(({ body }) => body);
  const [webhook, slack, discord, pager] = [
    bodies.find((body) => body.version === 1),
    bodies.find((body) => "blocks" in body),
    bodies.find((body) => "embeds" in body),
    bodies.find((body) => "routing_key" in body),
  ];
  expect(webhook).toMatchObject({
    ...origin,
    status: "firing",
    title: "game/prod: CRITICAL PROCESS_OFFLINE (2 alerts)",
    changes: [
      { kind: "raised", alertId: "alert-1", type: "PROCESS_OFFLINE", raisedAt: "1970-01-01T00:00:00.000Z" },
      { source: "bank" },
    ],
  });
  const check = new Ajv2020({ strict: false, validateFormats: false }).compile(z.toJSONSchema(WebhookSchema));
  expect([check(webhook), check.errors]).toEqual([true, null]);
  expect(slack).toMatchObject({
    text: "🚨 game/prod: CRITICAL PROCESS_OFFLINE (2 alerts)",
    blocks: [{ type: "header" }, { type: "section", text: { type: "mrkdwn" } }, { type: "context" }],
  });
  expect(JSON.stringify(slack)).toContain("3 checks &lt;b&gt;&amp; (alert-1)");
  expect(discord).toMatchObject({
    allowed_mentions: { parse: [] },
    embeds: [{ color: 0xe74c3c, timestamp: "1970-01-01T00:00:00.000Z" }],
  });
  expect(pager).toMatchObject({
    routing_key: "pd-secret",
    event_action: "trigger",
    dedup_key: "game/prod/PROCESS_OFFLINE/shop",
    payload: { severity: "critical", source: "game/prod/shop", class: "PROCESS_OFFLINE", component: "shop" },
  });
});

test("a resolved alert is sent with the same key, and only to receivers that want it", async () => {
  const [post] = postsTo("pagerduty", [resolved], origin, "k");
  expect(post?.body).toEqual({
    routing_key: "k",
    dedup_key: "game/prod/PROCESS_OFFLINE/shop",
    event_action: "resolve",
  });
  await send([receiver("webhook"), receiver("slack", { resolved: false })], [resolved]);
  expect(got.map(({ body }) => body.status)).toEqual(["resolved"]);
});

test("a receiver gets its levels and types only", async () => {
  const receivers = [
    receiver("webhook", { minLevel: "ERROR" }),
    receiver("slack", { types: ["PROCESS_DRIFT"] }),
    receiver("discord", { minLevel: "INFO" }),
  ];
  const sent = await send(receivers, [raised({ level: "WARNING", type: "PROCESS_DEGRADED" })]);
  expect(sent.map(({ receiver: name }) => name)).toEqual(["discord"]);
});

test("many alerts are one message, cut at the receiver's limit", () => {
  const changes = Array.from({ length: 200 }, (_unused, n) =>
    raised({ source: `p${n}`, message: "x".repeat(300) }),
  );
  for (const kind of ["slack", "discord"] as const) {
    const posts = postsTo(kind, changes, origin);
    expect(posts).toHaveLength(1);
    expect(JSON.stringify(posts[0]?.body).length).toBeLessThan(6000);
  }
});

test("a failing receiver is tried three times in a round, one that refuses once; neither affects other receivers", async () => {
  answers = [500, 503, 200];
  expect(await send([receiver("webhook")], [raised()])).toMatchObject([{ ok: true }]);
  expect(got).toHaveLength(3);
  answers = [404];
  expect(await send([receiver("webhook")], [raised()])).toEqual([
    { receiver: "webhook", ok: false, posts: 1, reason: "it answered 404" },
  ]);
  expect(got).toHaveLength(4);
  answers = [302, 302, 302];
  expect(await send([receiver("webhook")], [raised()])).toMatchObject([{ ok: false }]);
  expect(got.some(({ path }) => path === "/elsewhere")).toBe(false);
  const dead = receiver("slack", { name: "dead", urlEnv: undefined, url: "http://127.0.0.1:9/SECRET" });
  answers = [];
  const sent = await send([dead, receiver("discord")], [raised()]);
  expect(sent).toMatchObject([
    { receiver: "dead", ok: false, reason: "it cannot be reached" },
    { receiver: "discord", ok: true },
  ]);
  expect(JSON.stringify(sent)).not.toContain("SECRET");
});

test("a fault of the fleet reaches the receiver in its round, and so does its end", async () => {
  const settings = "receivers: [{ name: ops, kind: webhook, urlEnv: HOOK }]";
  const fleet = await watching(["shop"], settings, env());
  await fleet.load("shop", {}, "other code");
  const first = await fleet.round();
  expect(first.report.notifications).toEqual([{ receiver: "ops", ok: true, posts: 1 }]);
  expect(got[0]?.body.title).toBe("game/dev: ERROR PROCESS_DRIFT");
  await fleet.round();
  expect(got).toHaveLength(1);
  await fleet.load("shop", {});
  await fleet.round();
  expect(got.map(({ body }) => body.status)).toEqual(["firing", "resolved"]);
  expect(await fleet.monitor.metrics.registry.metrics()).toMatch(
    /aofleet_notifications_total\{receiver="ops",outcome="ok",[^}]*\} 2/,
  );
  await fleet.close();
});

test("what a receiver did not accept is sent again in the next round, once, and after a restart of the monitor", async () => {
  const store = openStore(":memory:");
  onTestFinished(() => store.close());
  const receivers = [receiver("webhook"), receiver("slack", { resolved: false })];
  for (const each of receivers) store.addUnsent(each.name, wantedBy(each, [raised()]), 0);
  const round = () => notify(receivers.slice(0, 1), store, origin, { env: env(), tries: 1 });
  answers = [503];
  expect(await round()).toMatchObject([{ receiver: "webhook", ok: false, reason: "it answered 503" }]);
  store.addUnsent("webhook", [resolved], 30_000);
  expect(await round()).toEqual([{ receiver: "webhook", ok: true, posts: 1 }]);
  expect(await round()).toEqual([]);
  expect(got.map(({ body }) => body.changes)).toMatchObject([
    [{ kind: "raised" }],
    [{ kind: "raised" }, { kind: "resolved" }],
  ]);
  // The other receiver's is still there, until it is too old.
  expect(store.unsent("slack")).toHaveLength(1);
  store.forgetUnsent(1);
  expect(store.unsent("slack")).toEqual([]);
});

test.each([
  ...[401, 403, 404, 405, 410].map((status) => [status, 2]),
  ...[400, 413, 422].map((status) => [status, 1]),
])(
  "an alert that is answered with %i is posted %i times, once in each round until it is accepted or refused for its content",
  async (status, posts) => {
    const webhook = receiver("webhook");
    const store = outboxOf([webhook], [raised()]);
    const round = () => notify([webhook], store, origin, { env: env(), backoffMs: 1 });
    answers = [status];
    expect(await round()).toEqual([
      { receiver: "webhook", ok: false, posts: 1, reason: `it answered ${status}` },
    ]);
    await round();
    expect(got).toHaveLength(posts);
    expect(store.unsent("webhook")).toEqual([]);
  },
);

test("of several incidents, those before a failure are not sent again, and a refused one does not stop the others", async () => {
  const store = openStore(":memory:");
  onTestFinished(() => store.close());
  const sources = ["a", "b", "c"];
  const pager = receiver("pagerduty");
  store.addUnsent(
    pager.name,
    sources.map((source) => raised({ source })),
    0,
  );
  const round = () => notify([pager], store, origin, { env: env(), tries: 1 });
  answers = [200, 503];
  expect(await round()).toMatchObject([{ ok: false }]);
  answers = [400, 200];
  expect(await round()).toMatchObject([{ ok: false, reason: "it answered 400" }]);
  expect(await round()).toEqual([]);
  expect(got.map(({ body }) => (body.payload as { component: string }).component)).toEqual([
    "a",
    "b",
    "b",
    "c",
  ]);
});
