import { DataItem } from "@dha-team/arbundles";
import { beforeEach, describe, expect, test } from "vitest";
import { readJournal } from "../../src/ao/journal/index.ts";
import { connectLegacy, type LegacyLimits } from "../../src/ao/legacy/connect.ts";
import type { Ao } from "../../src/ao/port.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { journal, units, wallet } from "./bench.ts";
import { AUTHORITY, assignmentOf, type Endpoint, notFound, page, type Reply, SCHEDULER } from "./units.ts";

const P = `${"p".repeat(42)}o`;
const LARGE = "x".repeat(30_000);
const TAGS = {
  "Data-Protocol": "ao",
  Type: "Module",
  "Module-Format": "wasm64-unknown-emscripten-draft_2024_02_15",
  "Input-Encoding": "JSON-V1",
  "Output-Encoding": "JSON-V1",
};

let ao: Ao;
let intent = 0;

function connect(
  extra: { uploadUrl?: string } = { uploadUrl: units.endpoints.gatewayUrl },
  limits: LegacyLimits = {},
): Ao {
  return connectLegacy({
    endpoints: { ...units.endpoints, maxMessageBytes: 20_000, ...extra },
    wallet,
    journal,
    limits: { ...limits, inFlight: 20, backoff: { base: 5, cap: 20, floor: 1 } },
  });
}
const send = (data = LARGE, through = ao) => {
  intent += 1;
  return through.send({ intent: `k${intent}`, processId: P, tags: { Action: "Eval" }, data }, budgetOf(5));
};
const publish = (through = ao) => {
  intent += 1;
  const key = `m${intent}`;
  const input = { intent: key, tags: TAGS, data: new Uint8Array([0, 97, 115, 109]) };
  return Object.assign(() => through.publish(input, budgetOf(5)), { key });
};
/** The answers of these endpoints, call by call; the last one repeats. */
function answers(script: Partial<Record<Endpoint, (Reply | undefined)[]>>): void {
  units.script(({ endpoint, nth }) => {
    const replies = script[endpoint];
    return replies?.[Math.min(nth, replies.length) - 1];
  });
}

beforeEach(() => {
  ao = connect();
});

describe("a message larger than the messenger unit takes", () => {
  test("is uploaded with its process as target, and assigned to it", async () => {
    const { id } = await send();
    expect(units.posted).toEqual([]);
    expect(units.uploaded).toEqual([id]);
    // The newest slot of the process is asked for before.
    const before = units.requests.filter(({ endpoint }) => /^(su|graphql)/.test(endpoint));
    const [upload, assign, ...others] = units.requests.slice(before.length);
    expect(others).toEqual([]);
    const item = new DataItem(upload?.body ?? Buffer.alloc(0));
    expect(await item.isValid()).toBe(true);
    expect(item.target).toBe(P);
    expect(item.rawData.toString()).toBe(LARGE);
    expect(item.tags).toContainEqual({ name: "Action", value: "Eval" });
    expect(assign?.path).toBe(`/mu/?process-id=${P}&assign=${id}`);
    expect(journal.byId(id)?.state).toBe("sent");
  });

  test("is sent directly if it is small enough", async () => {
    const { id } = await send("return 1");
    expect(units.posted).toEqual([id]);
    expect(units.uploaded).toEqual([]);
  });

  test.each<[string, Partial<Record<Endpoint, (Reply | undefined)[]>>]>([
    [
      "the gateway does not show it yet",
      {
        "mu.assign": [
          { status: 500, json: { error: "Error: 400: Invalid gateway tx for assigning" } },
          undefined,
        ],
      },
    ],
    [
      "the process is not shown yet",
      {
        "mu.assign": [
          { status: 500, json: { error: "Cannot read properties of undefined (reading 'tags')" } },
          undefined,
        ],
      },
    ],
    [
      "the answer of the assignment is lost",
      {
        "mu.assign": ["reset", { status: 500, json: { error: 'MessageExists("Message already exists")' } }],
      },
    ],
  ])("is uploaded once and assigned again when %s", async (_, script) => {
    answers(script);
    const { id } = await send();
    expect(units.uploaded).toEqual([id]);
    expect(units.count("mu.assign")).toBe(2);
    expect(journal.byId(id)?.state).toBe("sent");
  });

  test.each<[string, Reply]>([
    ["fails", { status: 503, text: "busy" }],
    ["breaks the connection", "reset"],
    ["reports another item", { json: { id: "other" } }],
    ["answers with a page for people", { text: "<html>welcome</html>" }],
    ["answers with JSON without an id", { json: { status: "OK" } }],
    ["redirects to another page", { status: 302, headers: { location: "/welcome" }, text: "" }],
  ])("is uploaded again with the same bytes when the upload service %s", async (_, reply) => {
    answers({ upload: [reply, undefined] });
    const { id } = await send();
    expect(units.uploaded).toEqual([id, id]);
  });

  test("counts as sent if the upload service already has it", async () => {
    answers({ upload: [{ status: 409, text: "Data item already exists" }] });
    const { id } = await send();
    expect(journal.byId(id)?.state).toBe("sent");
  });

  test.each([
    ["UPLOAD_UNPAID", 402, "Insufficient balance"],
    ["UPLOAD_TOO_LARGE", 413, "too large"],
  ])("fails at once with %s", async (code, status, text) => {
    answers({ upload: [{ status, text }] });
    await expect(send()).rejects.toMatchObject({ code, transient: false });
    expect(units.count("upload")).toBe(1);
    expect(units.count("mu.assign")).toBe(0);
  });

  test("is refused by the messenger unit if there is no upload service", async () => {
    answers({ "mu.post": [{ status: 413, text: "<pre>PayloadTooLargeError</pre>" }] });
    await expect(send(LARGE, connect({}))).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
  });
});

describe("the result of a message that was uploaded", () => {
  const asked = () =>
    units.requests
      .filter(({ endpoint }) => endpoint === "cu.result")
      .map(({ path }) => path.split("/").at(-1)?.split("?")[0]);
  const result = (messageId: string, through = ao) =>
    through.evaluation({ processId: P, messageId, expectOutput: true }, budgetOf(5));

  test("is read by the assignment that the messenger unit named, which the journal keeps", async () => {
    const { id } = await send();
    expect(journal.byId(id)?.assignment).toBe(assignmentOf(id));
    expect(await result(id)).toMatchObject({ messageId: id, output: "ok" });
    expect(asked()).toEqual([assignmentOf(id)]);
    expect(units.count("su.range")).toBe(0);
  });

  test.each<[string, Reply]>([
    ["already has it", { status: 500, json: { error: 'MessageExists("Deep hash already exists")' } }],
    ["names nothing", { status: 202, json: { message: "Processing Assignment" } }],
    ["names the message", { status: 202, json: { id: "the message" } }],
  ])("is found in the scheduler's list when the messenger unit %s", async (_, reply) => {
    units.script(({ endpoint, path }) => {
      const known = units.uploaded[0] ?? "";
      if (endpoint === "mu.assign")
        return typeof reply === "object" && (reply.json as { id?: string }).id !== undefined
          ? { ...reply, json: { id: new URL(path, "http://units").searchParams.get("assign") } }
          : reply;
      if (endpoint === "cu.result" && path.includes(known)) return { status: 500, json: { error: "Error" } };
      return endpoint === "su.range" ? listed(known) : undefined;
    });
    const { id } = await send();
    expect(journal.byId(id)).toMatchObject({ state: "sent" });
    expect(journal.byId(id)).not.toHaveProperty("assignment");
    expect(await result(id)).toMatchObject({ output: "ok" });
    expect(await result(id)).toMatchObject({ output: "ok" });
    expect(asked()).toEqual([assignmentOf(id), assignmentOf(id)]);
    expect(journal.byId(id)?.assignment).toBe(assignmentOf(id));
    expect(units.count("su.range")).toBe(1);
  });

  test("is awaited while no unit can name the assignment", async () => {
    units.script(({ endpoint, nth }) => {
      if (endpoint === "mu.assign") return { status: 202, json: {} };
      if (endpoint !== "su.range") return undefined;
      return nth < 3 ? { status: 503, text: "busy" } : listed(units.uploaded[0] ?? "");
    });
    const { id } = await send();
    expect(await result(id)).toMatchObject({ output: "ok" });
    expect(asked()).toEqual([assignmentOf(id)]);
  });

  test("is looked for by its time at each poll without a slot before it, and in the whole order before a second assignment", async () => {
    const nobody = { json: { page_info: { has_next_page: false }, edges: [] } };
    const reads: string[] = [];
    units.script(({ endpoint, path }) => {
      if (endpoint === "mu.assign") return { status: 202, json: {} };
      if (endpoint === "cu.result" && path.includes(units.uploaded[0] ?? ""))
        return { status: 500, json: { error: "Message or Process not found" } };
      if (endpoint !== "su.range") return undefined;
      const isWhole = path.includes("from-nonce");
      reads.push(isWhole ? "whole" : "since");
      // Its assignment is earlier than its time: the clock was set back.
      return isWhole ? listed(units.uploaded[0] ?? "") : nobody;
    });
    const { id } = await send();
    expect(journal.byId(id)).not.toHaveProperty("floor");
    expect(await result(id, connect(undefined, { repostAfter: 0 }))).toMatchObject({ output: "ok" });
    // The poll, and then the lookup before a second assignment.
    expect(reads).toEqual(["since", "since", "whole"]);
    expect(asked()).toEqual([id, assignmentOf(id)]);
    expect(units.count("mu.assign")).toBe(1);
  });

  test("is known to a later run, even after the journal was rewritten and the message settled", async () => {
    const { id } = await send();
    await journal.compact();
    const read = async () => (await readJournal(journal.path)).find((known) => known.id === id);
    expect(await read()).toMatchObject({ state: "sent", assignment: assignmentOf(id) });
    await ao.settle(`k${intent}`);
    await journal.compact();
    expect(await read()).toMatchObject({ state: "settled", assignment: assignmentOf(id) });
    expect(await result(id)).toMatchObject({ output: "ok" });
    expect(asked()).toEqual([assignmentOf(id)]);
  });

  test("is read by the new assignment if the scheduler lost the first", async () => {
    units.script(({ endpoint, nth, path }) => {
      if (endpoint === "mu.assign") return { status: 202, json: { id: `assignment${nth}` } };
      if (endpoint === "su.range") return { json: { page_info: { has_next_page: false }, edges: [] } };
      if (endpoint !== "cu.result" || path.includes("assignment2")) return undefined;
      return { status: 500, json: { error: "Message or Process not found" } };
    });
    const impatient = connect(undefined, { repostAfter: 10 });
    const { id } = await send(LARGE, impatient);
    expect(journal.byId(id)?.assignment).toBe("assignment1");
    expect(await result(id, impatient)).toMatchObject({ output: "ok" });
    expect(units.count("mu.assign")).toBe(2);
    expect(journal.byId(id)?.assignment).toBe("assignment2");
    expect(asked().at(-1)).toBe("assignment2");
  });

  test("is found in the scheduler's list if another deployer sent the message", async () => {
    const foreign = "f".repeat(43);
    const node = {
      ...{ id: foreign, recipient: P, owner: { address: AUTHORITY } },
      tags: [{ name: "Type", value: "Message" }],
      block: { height: 1, timestamp: 1_700_000_000 },
    };
    units.script(({ endpoint, path }) => {
      if (endpoint === "graphql") return { json: page([node]) };
      if (endpoint === "su.range") return listed(foreign);
      if (endpoint !== "cu.result" || !path.includes(foreign)) return undefined;
      return { status: 500, json: { error: "Message or Process not found" } };
    });
    expect(await result(foreign)).toMatchObject({ messageId: foreign, output: "ok" });
    expect(asked()).toEqual([foreign, assignmentOf(foreign)]);
    expect(units.count("su.range")).toBe(1);
  });

  test("is found if the run died before it knew the assignment, even if the message was given up", async () => {
    units.script(({ endpoint, path }) => {
      const known = units.uploaded[0] ?? "";
      if (endpoint === "mu.assign") return { status: 202, json: {} };
      if (endpoint === "su.range") return listed(known);
      const isUnknown = endpoint === "su.message" || (endpoint === "cu.result" && path.includes(known));
      return isUnknown ? { status: 500, json: { error: "Message or Process not found" } } : undefined;
    });
    const { id } = await send();
    await journal.void(`k${intent}`, "its run has ended");
    await journal.compact();
    expect(await result(id)).toMatchObject({ messageId: id, output: "ok" });
    expect(asked()).toEqual([id, assignmentOf(id)]);
    expect(units.count("mu.assign")).toBe(1);
  });
});

describe("isPlaced", () => {
  const isPlaced = (messageId: string) => ao.isPlaced({ processId: P, messageId }, budgetOf(5));
  const nobody = { json: { page_info: { has_next_page: false }, edges: [] } };

  test("asks the scheduler, by the message or by its assignment", async () => {
    let range: Reply = nobody;
    units.script(({ endpoint }) => {
      if (endpoint === "mu.assign") return { status: 202, json: {} };
      if (endpoint === "su.message") return notFound;
      return endpoint === "su.range" ? range : undefined;
    });
    const { id } = await send();
    expect(await isPlaced(id)).toBe(false);
    range = listed(id);
    expect(await isPlaced(id)).toBe(true);
  });

  test("asks until the scheduler answers", async () => {
    units.script(({ endpoint, nth }) => {
      if (endpoint === "mu.assign") return { status: 202, json: {} };
      if (endpoint === "su.range") return nobody;
      if (endpoint !== "su.message") return undefined;
      return nth < 3 ? { status: 503, text: "busy" } : notFound;
    });
    expect(await isPlaced((await send()).id)).toBe(false);
    expect(units.count("su.message")).toBe(3);
  });

  test("asks nothing once the effect was read", async () => {
    const { id } = await send();
    const asked = units.count("su.message") + units.count("su.range");
    await ao.settle(`k${intent}`);
    expect(await isPlaced(id)).toBe(true);
    expect(units.count("su.message") + units.count("su.range")).toBe(asked);
  });
});

/** A scheduler's list that contains the assignment of this message. */
const listed = (id: string): Reply => ({
  json: {
    page_info: { has_next_page: false },
    edges: [
      {
        cursor: "1",
        node: {
          message: null,
          assignment: { id: assignmentOf(id), tags: [{ name: "Message", value: id }] },
        },
      },
    ],
  },
});

describe("publishing", () => {
  test("happens once per key, and is kept in the journal", async () => {
    const once = publish();
    const first = await once();
    expect(await once()).toEqual({ id: first.id, resent: true });
    expect(new Set(units.uploaded)).toEqual(new Set([first.id]));
    expect(journal.byId(first.id)).toMatchObject({ kind: "upload", target: "", state: "sent" });
    const item = new DataItem(units.requests[0]?.body ?? Buffer.alloc(0));
    expect(Object.fromEntries(item.tags.map(({ name, value }) => [name, value]))).toEqual(TAGS);
    expect([...item.rawData]).toEqual([0, 97, 115, 109]);
    await journal.settle(once.key);
  });

  test("makes a module usable for a spawn at once, even if the index lags", async () => {
    const { id } = await publish()();
    answers({ graphql: [{ json: page([]) }] });
    intent += 1;
    await ao.spawn(
      { intent: `s${intent}`, module: id, scheduler: SCHEDULER, authority: AUTHORITY, tags: { Name: "a" } },
      budgetOf(5),
    );
    expect(units.count("graphql")).toBe(0);
    expect(units.posted).toHaveLength(1);
  });

  test("is refused before signing if nothing can be uploaded", async () => {
    const before = journal.history().length;
    await expect(publish(connect({}))()).rejects.toMatchObject({ code: "NO_UPLOAD" });
    expect(journal.history()).toHaveLength(before);
  });
});
