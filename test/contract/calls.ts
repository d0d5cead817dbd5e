import type { Case } from "./cases.ts";
import { type ContractClient, output } from "./client.ts";

/** How units answer calls: with parameters that are missing, wrong, doubled or superfluous, and for unknown things. */

const NOBODY = "nobody".padEnd(43, "0");

interface Said {
  readonly status: number;
  /** JSON if the answer is JSON, else a string. */
  readonly says: unknown;
}

type UnitUrl = "mu" | "cu" | "su";

async function call(
  { network }: ContractClient,
  unit: UnitUrl,
  path: string,
  init: RequestInit = {},
): Promise<Said> {
  const { muUrl, cuUrl } = network.endpoints;
  const response = await fetch(`${{ mu: muUrl, cu: cuUrl, su: network.suUrl }[unit]}${path}`, init);
  const text = await response.text();
  try {
    return { status: response.status, says: JSON.parse(text) as unknown };
  } catch {
    return { status: response.status, says: text };
  }
}

const error = (status: number, text: string): Said => ({ status, says: { error: text } });
const query = (text: string): Said => ({ status: 400, says: `Query deserialize error: ${text}` });

interface Order {
  readonly page_info: { readonly has_next_page: boolean };
  readonly edges: readonly {
    readonly cursor: string;
    readonly node: { readonly assignment: { readonly tags: readonly { name: string; value: string }[] } };
  }[];
}

/** The nonces of a page, then whether there are more. */
function noncesIn({ says }: Said): unknown[] {
  const { edges, page_info } = says as Order;
  const nonces = edges.map(({ node }) => node.assignment.tags.find(({ name }) => name === "Nonce")?.value);
  return [...nonces, page_info.has_next_page];
}

/** A process with the messages 1, 2 and 3 after its spawn. */
async function withThree(owner: ContractClient): Promise<string> {
  const id = await owner.spawn();
  for (const word of "abc") await owner.eval(id, `return "${word}"`);
  return id;
}

const dry = (body: unknown, type = "application/json"): RequestInit => ({
  method: "POST",
  headers: { "content-type": type },
  body: typeof body === "string" ? body : JSON.stringify(body),
});

export const CALLS = {
  "a range of the order requires the process' id, and ignores unknown parameters": {
    faithful: {
      missing: query("missing field `process-id`"),
      twice: query("duplicate field `process-id`"),
      limit: query("invalid digit found in string"),
      nonce: error(400, 'IntError("data store int error: invalid digit found in string")'),
      surplus: 200,
    },
    async observe({ owner, shared }) {
      const id = await shared();
      await owner.eval(id, "return 1");
      const read = (parameters: string) => call(owner, "su", `/${id}?${parameters}`);
      return {
        missing: await read("from-nonce=0&to-nonce=1"),
        twice: await read(`process-id=${id}&process-id=${id}`),
        limit: await read(`process-id=${id}&limit=many`),
        nonce: await read(`process-id=${id}&from-nonce=one`),
        surplus: (await read(`process-id=${id}&colour=blue`)).status,
      };
    },
  },
  "a range excludes its first nonce, includes its last, and -1 includes the spawn": {
    faithful: {
      after0: ["1", "2", false],
      spawn: ["0", "1", false],
      open: ["0", "1", "2", "3", false],
      page: ["1", "2", true],
      beyond: [false],
    },
    async observe({ owner }) {
      const id = await withThree(owner);
      const read = async (parameters: string) =>
        noncesIn(await call(owner, "su", `/${id}?process-id=${id}${parameters}`));
      return {
        after0: await read("&from-nonce=0&to-nonce=2"),
        spawn: await read("&from-nonce=-1&to-nonce=1"),
        open: await read(""),
        page: await read("&from-nonce=0&limit=2"),
        beyond: await read("&from-nonce=3&to-nonce=9"),
      };
    },
  },
  "a range by time excludes its start and the spawn, and its cursors are times": {
    faithful: {
      all: ["1", "2", "3", false],
      after1: ["2", "3", false],
      page: ["2", true],
      beyond: [false],
      time: error(400, 'IntError("data store int error: invalid digit found in string")'),
    },
    async observe({ owner }) {
      const id = await withThree(owner);
      const read = (parameters: string) => call(owner, "su", `/${id}?process-id=${id}&${parameters}`);
      const { edges } = (await read("from=0")).says as Order;
      const [first, , last] = edges.map(({ cursor }) => cursor);
      return {
        all: noncesIn(await read("from=0")),
        after1: noncesIn(await read(`from=${first}`)),
        page: noncesIn(await read(`from=${first}&limit=1`)),
        beyond: noncesIn(await read(`from=${last}`)),
        time: await read("from=soon"),
      };
    },
  },
  "the scheduler shows a message by its id, with its place, and requires the process' id": {
    faithful: {
      missing: query("missing field `process-id`"),
      status: 200,
      message: true,
      names: true,
      latest: true,
    },
    async observe({ owner, shared }) {
      const id = await shared();
      const sent = await owner.message(id, { Action: "Eval" }, "return 1");
      await owner.evaluated(id, sent);
      const { status, says } = await call(owner, "su", `/${sent}?process-id=${id}`);
      const shown = says as Placed & { readonly message: { readonly id: string } };
      const latest = (await call(owner, "su", `/${id}/latest`)).says as Placed;
      return {
        missing: await call(owner, "su", `/${sent}`),
        status,
        message: shown.message.id === sent,
        names: namesMessage(shown, sent),
        latest: namesMessage(latest, sent),
      };
    },
  },
  "the gateway refuses what is no query, and has no data of an unknown id": {
    faithful: { nonsense: { status: 400, errors: true }, unknown: 404 },
    async observe({ owner }) {
      const { gatewayUrl, graphqlUrl } = owner.network.endpoints;
      const nonsense = await fetch(graphqlUrl, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ query: "{ nothing }" }),
      });
      const { errors } = (await nonsense.json()) as { errors?: unknown };
      return {
        nonsense: { status: nonsense.status, errors: Array.isArray(errors) },
        unknown: (await fetch(`${gatewayUrl}/${NOBODY}`)).status,
      };
    },
  },
  "the scheduler reports what it does not know": {
    faithful: {
      process: error(400, 'NotFound("Process not found")'),
      latest: error(400, "Latest message not available"),
      fresh: error(400, "Latest message not available"),
      message: error(400, "Message or Process not found"),
      post: error(400, "Access denied"),
    },
    async observe({ owner }) {
      const id = await owner.spawn();
      await owner.evaluated(id, id);
      return {
        process: await call(owner, "su", `/processes/${NOBODY}`),
        latest: await call(owner, "su", `/${NOBODY}/latest`),
        fresh: await call(owner, "su", `/${id}/latest`),
        message: await call(owner, "su", `/${NOBODY}?process-id=${id}`),
        post: await call(owner, "su", "/", { method: "POST", body: "x" }),
      };
    },
  },
  "the scheduler shows a process by its id": {
    faithful: { status: 200, id: true, owner: true, tags: true, block: "string", timestamp: "number" },
    async observe({ owner, shared }) {
      const id = await shared();
      const { status, says } = await call(owner, "su", `/processes/${id}`);
      const shown = says as Record<string, unknown>;
      return {
        status,
        id: shown.process_id === id,
        owner: (shown.owner as { address?: string } | undefined)?.address === owner.wallet.address,
        tags: Array.isArray(shown.tags),
        block: typeof shown.block,
        timestamp: typeof shown.timestamp,
      };
    },
  },
  "every unit's root names the unit": {
    faithful: {
      mu: { status: 200, says: "ao messenger unit" },
      cu: { address: "string", timestamp: "number" },
      su: { address: "string", timestamp: "string" },
    },
    async observe({ owner }) {
      const typesOf = ({ says }: Said) => {
        const { address, timestamp } = says as Record<string, unknown>;
        return { address: typeof address, timestamp: typeof timestamp };
      };
      return {
        mu: await call(owner, "mu", "/"),
        cu: typesOf(await call(owner, "cu", "/")),
        su: typesOf(await call(owner, "su", "/")),
      };
    },
  },
  "a result requires the process' id, a known process and a known message": {
    faithful: {
      missing: error(500, "'processId': Required."),
      empty: error(500, "'processId': a process-id query parameter is required."),
      process: { status: 500, names: true },
      message: error(
        500,
        'Error: Error Encountered when loading message from Scheduler Unit: 400: {"error":"Message or Process not found"}',
      ),
    },
    async observe({ owner, shared }) {
      const id = await shared();
      await owner.eval(id, "return 1");
      const process = await call(owner, "cu", `/result/${NOBODY}?process-id=${NOBODY}`);
      return {
        missing: await call(owner, "cu", `/result/${NOBODY}`),
        empty: await call(owner, "cu", `/result/${NOBODY}?process-id=`),
        process: {
          status: process.status,
          names: JSON.stringify(process.says).includes("reading 'tags'"),
        },
        message: await call(owner, "cu", `/result/${NOBODY}?process-id=${id}`),
      };
    },
  },
  "an uploaded and assigned message is known by its assignment's id alone": {
    faithful: {
      assign: { status: 202, message: "Processing Assignment", isOwn: true },
      result: { status: 200, output: "2" },
      byMessage: error(
        500,
        'Error: Error Encountered when loading message from Scheduler Unit: 400: {"error":"Message or Process not found"}',
      ),
      place: { status: 200, message: null, names: true },
      placeByMessage: error(400, "Message or Process not found"),
      listed: true,
    },
    async observe({ owner }) {
      const id = await owner.spawn();
      await owner.evaluated(id, id);
      const item = await owner.item(id, { Action: "Eval" }, "return 1 + 1");
      await fetch(`${owner.network.endpoints.gatewayUrl}/tx`, {
        method: "POST",
        headers: { "content-type": "application/octet-stream" },
        body: item.raw as Uint8Array<ArrayBuffer>,
      });
      const assign = await call(owner, "mu", `/?process-id=${id}&assign=${item.id}`, { method: "POST" });
      const { id: assignment, message } = assign.says as { id: string; message: string };
      const result = await call(owner, "cu", `/result/${assignment}?process-id=${id}`);
      const place = await call(owner, "su", `/${assignment}?process-id=${id}`);
      const node = place.says as Placed;
      const order = (await call(owner, "su", `/${id}?process-id=${id}`)).says as {
        edges: { node: Placed }[];
      };
      return {
        assign: { status: assign.status, message, isOwn: assignment !== item.id },
        result: { status: result.status, output: output(result.says as never) },
        byMessage: await call(owner, "cu", `/result/${item.id}?process-id=${id}`),
        place: { status: place.status, message: node.message, names: namesMessage(node, item.id) },
        placeByMessage: await call(owner, "su", `/${item.id}?process-id=${id}`),
        listed: order.edges.some(
          ({ node: each }) => each.assignment.id === assignment && namesMessage(each, item.id),
        ),
      };
    },
  },
  "a dry run requires the process' id and a message as JSON": {
    faithful: {
      missing: error(500, "'processId': Required."),
      text: error(500, "'dryRun': Expected object, received string."),
      type: 415,
      tags: error(500, "'Tags': Expected string, received number."),
      owner: error(500, "'Owner': Expected string, received number."),
      surplus: 200,
      fresh: error(
        500,
        'Error: Error Encountered when loading latest message from Scheduler Unit: 400: {"error":"Latest message not available"}',
      ),
    },
    async observe({ owner, shared }) {
      const id = await shared();
      await owner.eval(id, "return 1");
      const fresh = await owner.spawn();
      await owner.evaluated(fresh, fresh);
      const at = (process: string, init: RequestInit) =>
        call(owner, "cu", `/dry-run?process-id=${process}`, init);
      const message = { Id: "1", Owner: owner.wallet.address, Target: id, Tags: [], Data: "", Anchor: "0" };
      return {
        missing: await call(owner, "cu", "/dry-run", dry(message)),
        text: await at(id, dry("a message", "text/plain")),
        type: (await at(id, dry("a message", "application/octet-stream"))).status,
        tags: await at(id, dry({ ...message, Tags: [{ name: "Action", value: 7 }] })),
        owner: await at(id, dry({ ...message, Owner: 7 })),
        surplus: (await at(id, dry({ ...message, From: owner.wallet.address, Colour: "blue" }))).status,
        fresh: await at(fresh, dry({ ...message, Target: fresh })),
      };
    },
  },
  "a list of results requires a valid sort and limit": {
    faithful: {
      sort: error(500, "'sort': Invalid enum value. Expected 'ASC' | 'DESC', received 'UP'."),
      limit: error(500, "'limit': Expected number, received nan."),
      unknown: { status: 200, says: { pageInfo: { hasNextPage: false }, edges: [] } },
      surplus: 200,
      fields: ["Assignments", "Messages", "Output", "Spawns"],
    },
    async observe({ owner, shared }) {
      const id = await shared();
      await owner.eval(id, "return 1");
      const read = (process: string, parameters: string) =>
        call(owner, "cu", `/results/${process}?${parameters}`);
      const one = (await read(id, "sort=DESC&limit=1")).says as { edges: { node: object }[] };
      return {
        sort: await read(id, "sort=UP"),
        limit: await read(id, "limit=many"),
        unknown: await read(NOBODY, "sort=ASC"),
        surplus: (await read(id, "colour=blue")).status,
        fields: Object.keys(one.edges[0]?.node ?? {}).sort(),
      };
    },
  },
  "a page of results before a failed evaluation reports that it is the last": {
    faithful: { first: ["a"], more: false, all: ["a", "b"] },
    async observe({ owner }) {
      const id = await owner.spawn();
      await owner.evaluated(id, id);
      await owner.eval(id, 'return "a"');
      await owner.eval(id, 'error("boom")');
      await owner.eval(id, 'return "b"');
      const texts = ({ edges }: Page) =>
        edges.map(({ node }) => output(node as never)).filter((text) => text !== "");
      const all = (await call(owner, "cu", `/results/${id}?sort=ASC&limit=100`)).says as Page;
      // Up to "a": whether the boot has an entry of its own does not matter here.
      const boot = all.edges.findIndex(({ node }) => output(node as never) === "a");
      const page = (await call(owner, "cu", `/results/${id}?sort=ASC&limit=${boot + 1}`)).says as Page;
      return { first: texts(page), more: page.pageInfo.hasNextPage, all: texts(all) };
    },
  },
  "the messenger requires both halves of an assignment, and items as bytes": {
    faithful: {
      half: error(400, "You must set both process-id and assign to send an assignment, not just one"),
      other: error(400, "You must set both process-id and assign to send an assignment, not just one"),
      unknown: error(500, 'Error: 400: {"error":"Invalid gateway tx for assigning"}'),
      text: error(500, "'body': A valid and signed data item must be provided as the body."),
    },
    async observe({ owner, shared }) {
      const id = await shared();
      const item = await owner.item(id, { Action: "Eval" }, "return 1");
      const body = item.raw as Uint8Array<ArrayBuffer>;
      return {
        half: await call(owner, "mu", `/?assign=${item.id}`, { method: "POST" }),
        other: await call(owner, "mu", `/?process-id=${id}`, { method: "POST" }),
        unknown: await call(owner, "mu", `/?process-id=${id}&assign=${NOBODY}`, { method: "POST" }),
        text: await call(owner, "mu", "/", {
          method: "POST",
          headers: { "content-type": "text/plain" },
          body,
        }),
      };
    },
  },
  "monitoring that is requested twice starts once and stops once": {
    faithful: {
      first: { status: 200, says: "Monitoring process" },
      again: error(500, "Process already being monitored"),
      stop: { status: 200, says: "Process deleted" },
      stopped: error(500, "Process monitor not found"),
      unknown: 500,
    },
    async observe({ owner }) {
      const id = await owner.spawn({ "Cron-Interval": "10-minutes", "Cron-Tag-Action": "Cron" });
      const monitor = async (process: string, method: "POST" | "DELETE") => {
        const item = await owner.item(process, {}, "monitor");
        return call(owner, "mu", `/monitor/${process}`, {
          method,
          headers: { "content-type": "application/octet-stream" },
          body: item.raw as Uint8Array<ArrayBuffer>,
        });
      };
      return {
        first: await monitor(id, "POST"),
        again: await monitor(id, "POST"),
        stop: await monitor(id, "DELETE"),
        stopped: await monitor(id, "DELETE"),
        unknown: (await monitor(NOBODY, "POST")).status,
      };
    },
  },
} satisfies Record<string, Case>;

interface Placed {
  readonly message: unknown;
  readonly assignment: {
    readonly id: string;
    readonly tags: readonly { readonly name: string; readonly value: string }[];
  };
}

const namesMessage = ({ assignment }: Placed, id: string) =>
  assignment.tags.some(({ name, value }) => name === "Message" && value === id);

interface Page {
  readonly pageInfo: { readonly hasNextPage: boolean };
  readonly edges: readonly { readonly cursor: string; readonly node: unknown }[];
}
