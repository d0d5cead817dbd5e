import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { nodeAt } from "../../../src/ao/mainnet/node.ts";
import { isPatch, readPublished } from "../../../src/ao/mainnet/published.ts";
import { budgetOf } from "../../../src/core/budget.ts";

const PROCESS = "p".repeat(43);
const HTML = "<!DOCTYPE html>\n<html><body>HyperBEAM</body></html>";

interface Answer {
  readonly body: string;
  readonly status?: number;
  readonly type?: string;
  /** Raw lines that Node itself would not send. */
  readonly header?: string;
}
const json = (value: unknown): Answer => ({ body: JSON.stringify(value), type: "application/json" });

/** What a node may answer, by the path under `now`. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  text: { body: "r1" },
  number: { body: "3" },
  large: { body: "12345678901234567890" },
  quoted: json("r1"),
  typed: json(3),
  off: json(false),
  table: json({ a: 1, deep: { er: "x" } }),
  list: json(["a", "b"]),
  "json-text": { body: '{"schema":1}' },
  enveloped: json({ "ao-result": "body", body: { a: 1 }, device: "json@1.0" }),
  "enveloped-text": json({ "ao-result": "body", body: "r1" }),
  "enveloped-large": { body: '{"ao-result":"body","body":12345678901234567890}', type: "application/json" },
  // As a node of November 2025 answers.
  "enveloped-table": json({
    "ao-result": "body",
    body: {
      "ao-types": 'open="atom"',
      open: "true",
      said: "true",
      deep: { er: "x", commitments: {} },
      commitments: {},
    },
    commitments: {},
  }),
  linked: json({ a: 1, "deep+link": "i".repeat(43), "gone+link": "i".repeat(43) }),
  "linked/deep": json({ "er+link": "i".repeat(43) }),
  "linked/deep/er": { body: "x" },
  endless: json({ "more+link": "i".repeat(43) }),
  "a%2Fb/c%20d": { body: "escaped" },
  null: json(null),
  empty: { body: "" },
  page: { body: HTML, type: "text/html; charset=utf-8" },
  "page-without-type": { body: HTML },
  "failed-page": { body: HTML, type: "text/html", status: 500 },
  failed: { ...json({ status: 500, body: "necessary_message_not_found" }), status: 500 },
  missing: { ...json({ status: 404 }), status: 404 },
  broken: { ...json({ body: "x" }), status: 500, header: "details: line one\nline two" },
  limited: { body: "slow down", status: 429 },
};

let server: Server;
let url: string;
let asked: string[] = [];
beforeAll(async () => {
  server = createServer(({ url: path = "" }, response) => {
    asked.push(path);
    const [, stage = "", ...keys] = path.slice(1).split("/");
    const key = keys[0] === "endless" ? "endless" : keys.join("/");
    const {
      body,
      status = 200,
      type,
      header,
    } = ANSWERS[stage === "now" ? key : `${stage}/${key}`] ?? {
      body: HTML,
      type: "text/html",
      status: 404,
    };
    if (header === undefined) {
      response.writeHead(status, type === undefined ? {} : { "content-type": type }).end(body);
      return;
    }
    const lines = [
      `HTTP/1.1 ${status} Error`,
      header,
      `content-length: ${Buffer.byteLength(body)}`,
      "connection: close",
    ];
    response.socket?.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => new Promise<void>((done) => server.close(() => done())));

const read = (path: readonly string[], slot?: number) =>
  readPublished(
    nodeAt(url, { concurrency: 4, timeout: 2000 }),
    { processId: PROCESS, path, ...(slot === undefined ? {} : { slot }) },
    budgetOf(5),
  );

test.each([
  ["text", "r1"],
  ["number", "3"],
  ["large", "12345678901234567890"],
  ["quoted", "r1"],
  ["typed", "3"],
  ["off", "false"],
  ["table", { a: 1, deep: { er: "x" } }],
  ["list", ["a", "b"]],
  ["json-text", { schema: 1 }],
  ["enveloped", { a: 1 }],
  ["enveloped-text", "r1"],
  ["enveloped-large", "12345678901234567890"],
  ["enveloped-table", { open: true, said: "true", deep: { er: "x" } }],
])("reads %s as %j", async (key, value) => {
  expect(await read([key])).toEqual(value);
});

const NO_VALUES = [
  "null",
  "empty",
  "page",
  "page-without-type",
  "failed-page",
  "failed",
  "missing",
  "broken",
];
test.each([...NO_VALUES, "limited", "unknown"])("%s is no value, and no error", async (key) => {
  expect(await read([key])).toBeUndefined();
});

test("links are followed by the path of their member; what they do not lead to is absent", async () => {
  expect(await read(["linked"])).toEqual({ a: 1, deep: { er: "x" } });
});

test("links that never end are followed a few times only", async () => {
  asked = [];
  await read(["endless"]);
  expect(asked.length).toBeLessThan(10);
});

test("keys are escaped, and a slot is named in the path", async () => {
  expect(await read(["a/b", "c d"])).toBe("escaped");
  asked = [];
  await read(["x"], 7);
  expect(asked).toEqual([`/${PROCESS}~process@1.0/compute=7/x`]);
});

test("a node that cannot be reached or is slow has no value, and no error", async () => {
  const nowhere = nodeAt("http://127.0.0.1:9", { concurrency: 1, timeout: 2000 });
  expect(await readPublished(nowhere, { processId: PROCESS, path: ["text"] }, budgetOf(5))).toBeUndefined();
  const node = nodeAt(url, { concurrency: 1, timeout: 2000 });
  expect(await readPublished(node, { processId: PROCESS, path: ["text"] }, budgetOf(0))).toBeUndefined();
});

test("patches are recognized by both marks, whatever the case of their names", () => {
  expect(
    [{ device: "patch@1.0" }, { Device: "patch@1.0", a: "1" }, { Method: "PATCH" }].map((tags) =>
      isPatch(tags),
    ),
  ).toEqual([true, true, true]);
  expect([{}, { device: "other@1.0" }, { method: "GET" }].map((tags) => isPatch(tags))).toEqual([
    false,
    false,
    false,
  ]);
});
