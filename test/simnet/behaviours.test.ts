import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ContractClient, list, output, testWallet, type UnitResult, until } from "../contract/client.ts";
import { MU_TEXTS, type Simnet, startSimnet } from "./index.ts";

let net: Simnet;
let client: ContractClient;
const armed: (() => void)[] = [];
const arm = (remove: () => void): (() => void) => {
  armed.push(remove);
  return remove;
};

beforeAll(async () => {
  net = await startSimnet();
  client = new ContractClient(net, testWallet());
}, 60_000);
afterEach(() => {
  for (const remove of armed.splice(0)) remove();
});
afterAll(() => net.close());

const message = (process: string, code: string) => client.message(process, { Action: "Eval" }, code);
const result = (process: string, id: string) =>
  client.ao.result({ process, message: id }) as Promise<UnitResult>;
const dryrun = async (process: string, code: string) =>
  (await client.ao.dryrun({
    ...{ process, data: code, tags: list({ Action: "Eval" }) },
    ...{ Owner: client.wallet.address, From: client.wallet.address },
  } as Parameters<typeof client.ao.dryrun>[0])) as UnitResult;
const rejection = (sent: Promise<unknown>) =>
  sent.then(
    () => "",
    (error: Error) => error.message,
  );

describe("behaviour of real units", () => {
  test("1: a unit's failure is resolved with a lower-case error", async () => {
    const id = await client.spawn();
    const sent = await message(id, "return 1");
    arm(net.behaviours.lowerCaseErrorResult({ times: 1, text: "out of memory" }));
    expect(await result(id, sent)).toEqual({ error: "out of memory" });
    expect(output(await result(id, sent))).toBe("1");
  });

  test("2: an early read is empty, a later one is not; what was sent early may be lost for good", async () => {
    arm(net.behaviours.emptyFirstResult({ share: 1, lose: 1, within: 400 }));
    const receiver = await client.spawn();
    const [early, patient] = await Promise.all([client.spawn(), client.spawn()]);
    const send = (from: string) =>
      `Send({ Target = "${receiver}", Action = "Note", From2 = "${from}" }) return "sent"`;
    const first = await message(early, send("early"));
    expect(await result(early, first)).toMatchObject({ Output: "", Messages: [] });
    await until("the patient process' 400 ms", async () =>
      (net.oracle.age(patient) ?? 0) > 400 ? true : undefined,
    );
    expect((await result(early, first)).Messages).toEqual([]);
    const second = await message(patient, send("patient"));
    expect((await result(patient, second)).Messages).toHaveLength(1);
    await net.oracle.quiet();
    expect(net.oracle.messages(receiver).map(({ from }) => from)).toEqual([patient]);
  });

  test("3: a new process is unknown everywhere until the gateway shows it", async () => {
    arm(net.behaviours.gatewayLag(600));
    const id = await client.spawn({ "Deployment-Key": "lagging" });
    expect(await rejection(message(id, "return 1"))).toContain(MU_TEXTS.unknownProcess);
    expect(await result(id, id)).toEqual({ error: MU_TEXTS.unknownProcess });
    const find = () =>
      client.graphql(
        "query ($ids: [ID!]) { transactions(ids: $ids) { pageInfo { hasNextPage } edges { cursor node { id } } } }",
        { ids: [id] },
      );
    expect((await find()).edges).toEqual([]);
    const sent = await until("the message", () => message(id, "return 7").catch(() => undefined));
    expect(output(await result(id, sent))).toBe("7");
    expect((await find()).edges).toHaveLength(1);
  });

  test.each(Object.keys(MU_TEXTS) as (keyof typeof MU_TEXTS)[])(
    "4: the MU fails with 500: %s",
    async (name) => {
      const id = await client.spawn();
      arm(net.behaviours.muFailure(name));
      const refused = await rejection(message(id, "return 1"));
      expect(refused).toMatch(/^500: /);
      expect(refused).toContain(JSON.stringify(MU_TEXTS[name]));
    },
  );

  test("5: an accepted message whose answer was lost is one message when it is sent again", async () => {
    const id = await client.spawn();
    const item = await client.item(id, { Action: "Eval" }, "N = (N or 0) + 1");
    const remove = arm(net.behaviours.acceptAndLoseAnswer({ times: 1 }));
    expect(await rejection(client.post(item.raw))).not.toBe("");
    remove();
    expect((await client.post(item.raw)).text).toContain("MessageExists");
    await net.oracle.quiet();
    expect(net.oracle.messages(id)).toHaveLength(1);
    expect(net.oracle.state(id)?.globals).toEqual({ N: 1 });
  });

  test("6: the MU accepts while the compute unit is down, and the result is correct later", async () => {
    const id = await client.spawn();
    const remove = arm(net.behaviours.computeDown());
    const sent = await message(id, "return 3");
    expect(await rejection(result(id, sent))).not.toBe("");
    remove();
    expect(output(await result(id, sent))).toBe("3");
  });

  test("8: a read of something unknown takes long to fail", async () => {
    const id = await client.spawn();
    arm(net.behaviours.slowUnknown(120));
    const started = performance.now();
    expect(await result(id, "x".repeat(43))).toHaveProperty("error");
    expect(performance.now() - started).toBeGreaterThanOrEqual(119);
  });

  test("9: dry-runs are cached by their content, limited, and need a message", async () => {
    const id = await client.spawn();
    await client.eval(id, "X = 1");
    const cached = arm(net.behaviours.cachedDryruns());
    expect(output(await dryrun(id, "return X"))).toBe("1");
    await client.eval(id, "X = 2");
    expect(output(await dryrun(id, "return X"))).toBe("1");
    expect(output(await dryrun(id, "return X -- unique"))).toBe("2");
    cached();
    const limited = arm(net.behaviours.limitedDryruns(1));
    expect(output(await dryrun(id, "return X"))).toBe("2");
    expect(await dryrun(id, "return X")).toHaveProperty("error");
    limited();
    arm(net.behaviours.dryrunNeedsMessage(10));
    expect(await dryrun(await client.spawn(), "return 1")).toHaveProperty("error");
    expect(output(await dryrun(id, "return X"))).toBe("2");
  });

  test("10: concurrent messages all arrive, in another order", async () => {
    const id = await client.spawn();
    arm(net.behaviours.shuffledArrival(300));
    const items = [];
    for (let n = 0; n < 6; n += 1) items.push(await client.item(id, { Action: "Note", N: String(n) }, "x"));
    await Promise.all(items.map(({ raw }) => client.post(raw)));
    const order = net.oracle.messages(id).map(({ tags }) => tags.N);
    expect([...order].sort()).toEqual(["0", "1", "2", "3", "4", "5"]);
    expect(order).not.toEqual(["0", "1", "2", "3", "4", "5"]);
  });

  test("12: calls beyond a few lanes only wait", async () => {
    const id = await client.spawn();
    const sent = await message(id, "return 1");
    arm(net.behaviours.congestion({ lanes: 2, ms: 60 }));
    const timed = async (n: number) => {
      const started = performance.now();
      await Promise.all(Array.from({ length: n }, () => result(id, sent)));
      return performance.now() - started;
    };
    expect(await timed(2)).toBeGreaterThanOrEqual(59);
    expect(await timed(6)).toBeGreaterThanOrEqual(178);
  });
});

describe("stale and lagging reads", () => {
  test("results, dry-runs and single results are some slots behind", async () => {
    const id = await client.spawn();
    await client.eval(id, "X = 1");
    await client.eval(id, "X = 2");
    const last = await message(id, "return X");
    await net.oracle.quiet();
    const outputs = async () =>
      (await client.ao.results({ process: id, sort: "ASC", limit: 100 })).edges.map(({ node }) =>
        output(node as UnitResult),
      );
    expect((await outputs()).at(-1)).toBe("2");
    const remove = arm(net.behaviours.staleReads(2, { result: true }));
    expect(await outputs()).toHaveLength(2);
    expect(output(await dryrun(id, "return X"))).toBe("1");
    expect(output(await result(id, last))).toBe("");
    remove();
    expect(output(await dryrun(id, "return X"))).toBe("2");
    expect(output(await result(id, last))).toBe("2");
  });

  test("the scheduler's lookups can be behind, and its latest messages are not", async () => {
    const id = await client.spawn();
    const sent = await message(id, "return 1");
    const asked = async (path: string) => {
      const answer = await fetch(`${net.suUrl}/${path}`);
      return [answer.status, await answer.text()];
    };
    const remove = arm(net.behaviours.schedulerLag(60_000));
    expect(await asked(`processes/${id}`)).toEqual([400, '{"error":"NotFound(\\"Process not found\\")"}']);
    expect(await asked(`${sent}?process-id=${id}`)).toEqual([
      400,
      '{"error":"Message or Process not found"}',
    ]);
    const order = `${id}?process-id=${id}&from-nonce=-1`;
    expect(await asked(order)).toEqual([200, expect.stringContaining('"edges":[]')]);
    expect(await asked(`${id}/latest`)).toEqual([200, expect.stringContaining(sent)]);
    remove();
    expect((await asked(`processes/${id}`))[0]).toBe(200);
    expect(await asked(order)).toEqual([200, expect.stringContaining(sent)]);
  });

  test("the index alone can lag", async () => {
    arm(net.behaviours.indexLag(60_000));
    const id = await client.spawn();
    const find = () =>
      client.graphql(
        "query ($ids: [ID!]) { transactions(ids: $ids) { pageInfo { hasNextPage } edges { cursor node { id } } } }",
        { ids: [id] },
      );
    expect((await find()).edges).toEqual([]);
    expect(output(await client.eval(id, "return 1"))).toBe("1");
    armed.splice(0).forEach((remove) => {
      remove();
    });
    expect((await find()).edges).toHaveLength(1);
  });
});
