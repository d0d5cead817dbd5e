/** A call whose outcome is unknown: the message that it signed can be continued, and a repeated call is another one. */
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { type Journal, openJournal } from "../../src/ao/journal/index.ts";
import { connectLegacy } from "../../src/ao/legacy/connect.ts";
import { connectMainnet } from "../../src/ao/mainnet/connect.ts";
import type { Ao } from "../../src/ao/port.ts";
import { retrying } from "../../src/ao/retry.ts";
import { type Budget, budgetOf, growing, within } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { continueCall, call as sendCall } from "../../src/fleet/protocol/call.ts";
import type { EvaluationInput } from "../../src/localnet/evaluator.ts";
import { sqliteStore } from "../../src/localnet/store/sqlite.ts";
import { tagValue } from "../../src/localnet/types.ts";
import { createUnits } from "../../src/localnet/units/index.ts";
import { fakeFleet, member } from "../cli/fakes.ts";
import { problemsOf } from "../kit/failure.ts";
import { temporaryFolder } from "../kit/folder.ts";
import { budgetWhile } from "./units.ts";
import { makeWallet } from "./wallets.ts";

const FACES = ["legacy", "mainnet"] as const;
type Face = (typeof FACES)[number];

const folder = temporaryFolder("continued");
const wallets = [makeWallet(), makeWallet()] as const;
const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** A process that answers each message, and a network on which the next post is lost on its way. */
async function world(face: Face) {
  const minted: string[] = [];
  const network = { isLosing: false, isLost: false };
  const store = sqliteStore(":memory:");
  const units = await createUnits({
    store,
    evaluator: {
      async evaluate({ memory, message }: EvaluationInput) {
        const quantity = tagValue(message.Tags, "Quantity");
        if (quantity !== undefined) minted.push(quantity);
        const result = { Output: `minted ${quantity}`, Messages: [], Spawns: [], Assignments: [] };
        return { memory: memory ?? Buffer.from("x"), result };
      },
    },
    async faults({ endpoint }) {
      if (!network.isLosing || !["node.push", "mu.post"].includes(endpoint)) return undefined;
      network.isLost = true;
      return new Response("<html>Bad Gateway</html>", { status: 502 });
    },
  });
  open.push(() => units.close());
  const connect = async (wallet = wallets[0]) => {
    const journal = await openJournal(join(folder, `${face}-${journals++}.jsonl`));
    open.push(() => journal.close());
    return { ao: await adapter(face, units, journal, wallet), journal };
  };
  const { ao, journal } = await connect();
  const module = await ao.publish(
    {
      intent: "module",
      tags: {
        ...{ "Data-Protocol": "ao", Type: "Module", Variant: "ao.TN.1", "Module-Format": "simulated" },
        ...{ "Input-Encoding": "JSON-V1", "Output-Encoding": "JSON-V1" },
        ...{ "Memory-Limit": "1-gb", "Compute-Limit": "9000000000000" },
      },
      data: Buffer.from("w"),
    },
    budgetOf(20),
  );
  const { id } = await ao.spawn(
    { intent: "spawn", module: module.id, tags: { Name: "token" } },
    budgetOf(20),
  );
  const token = member("token", { processId: id });
  const fleet = (through: Ao = ao) => ({
    ...fakeFleet(through, [token]),
    session: { ...fakeFleet(through, [token]).session, journal },
  });
  /** Gives the posts up as soon as one was lost. */
  const losing: Ao = {
    ...ao,
    send: (input) =>
      ao.send(
        input,
        budgetWhile(() => !network.isLost),
      ),
  };
  const mint = {
    ...{ member: token, action: "Mint", data: "", tags: { Quantity: "1" }, seconds: 30, wait: true },
    unfinished: (message: string) => `Continue ${message}.`,
  };
  /** The signed bytes arrive after all. */
  async function deliver(message: string) {
    const intent = journal.byId(message) as NonNullable<ReturnType<Journal["byId"]>>;
    const { raw } = await journal.item(intent);
    const url = face === "mainnet" ? `${units.urls.node}/${id}~process@1.0/push` : units.urls.mu;
    const type = face === "mainnet" ? "application/ans104" : "application/octet-stream";
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": type },
      body: raw as Uint8Array<ArrayBuffer>,
    });
    expect(answer.ok).toBe(true);
  }
  return { ao, journal, fleet, losing, mint, minted, network, token, deliver, connect };
}
let journals = 0;

async function adapter(
  face: Face,
  units: Awaited<ReturnType<typeof createUnits>>,
  journal: Journal,
  owner: ReturnType<typeof makeWallet>,
): Promise<Ao> {
  const { urls, graphqlUrl, scheduler, authority, nodeAddress } = units;
  const common = { wallet: await owner, journal };
  const gateway = { graphqlUrl, gatewayUrl: urls.gateway, uploadUrl: urls.gateway };
  const limits = { inFlight: 50, backoff: { base: 20, cap: 50 } };
  if (face === "mainnet") {
    const endpoints = { ...gateway, nodeUrl: urls.node, nodeAddress };
    return connectMainnet({ ...common, endpoints, limits });
  }
  const endpoints = { ...gateway, muUrl: urls.mu, cuUrl: urls.cu, suUrl: urls.su, scheduler, authority };
  return connectLegacy({ ...common, endpoints, limits: { ...limits, firstRead: 0 } });
}

test.each(FACES)(
  "%s: a call whose post is delivered late is finished as it was signed, and takes effect once",
  async (face) => {
    const { fleet, losing, mint, minted, network, journal, deliver } = await world(face);
    network.isLosing = true;
    const [failed] = await problemsOf(sendCall(fleet(losing), mint));
    network.isLosing = false;
    const [signed] = journal.open().filter(({ kind }) => kind === "message");
    expect(failed?.remedy).toContain(`Continue ${signed?.id}.`);
    expect(failed?.remedy).not.toContain("Running the same command again");
    await deliver(signed?.id ?? "");
    const reply = await continueCall(fleet(), mint, signed?.id ?? "");
    expect(reply).toMatchObject({ messageId: signed?.id, output: "minted 1" });
    expect(minted).toEqual(["1"]);
    // Its result was read: there is nothing left to continue.
    const [again] = await problemsOf(continueCall(fleet(), mint, signed?.id ?? ""));
    expect(again?.code).toBe("NOTHING_TO_CONTINUE");
    expect(minted).toEqual(["1"]);
  },
);

test.each(FACES)(
  "%s: a call names its message before it posts it, and posts nothing if it is ended there",
  async (face) => {
    const { fleet, mint, minted, network, journal } = await world(face);
    network.isLosing = true;
    const told: string[] = [];
    const ended = new FleetError({ code: "ENDED", what: "It was ended.", remedy: "None." });
    const signed = (id: string) => {
      told.push(id);
      throw ended;
    };
    await expect(sendCall(fleet(), { ...mint, signed })).rejects.toBe(ended);
    expect(told).toEqual(journal.open().flatMap(({ kind, id }) => (kind === "message" ? [id] : [])));
    expect([told.length, network.isLost]).toEqual([1, false]);
    network.isLosing = false;
    const closed: string[] = [];
    const [id = ""] = told;
    await continueCall(
      fleet(),
      { ...mint, signed: (same) => told.push(same), closed: () => closed.push(id) },
      id,
    );
    expect([told, closed, minted]).toEqual([[id, id], [id], ["1"]]);
  },
);

test.each(FACES)("%s: a call whose post never arrived is posted when it is continued", async (face) => {
  const { fleet, losing, mint, minted, network, journal } = await world(face);
  network.isLosing = true;
  await problemsOf(sendCall(fleet(losing), mint));
  network.isLosing = false;
  const [signed] = journal.open().filter(({ kind }) => kind === "message");
  expect(await continueCall(fleet(), mint, signed?.id ?? "")).toMatchObject({ output: "minted 1" });
  expect(minted).toEqual(["1"]);
});

test("what was signed for another call, or by another wallet, is not continued", async () => {
  const { fleet, losing, mint, minted, network, journal, connect } = await world("mainnet");
  network.isLosing = true;
  await problemsOf(sendCall(fleet(losing), mint));
  network.isLosing = false;
  const id = journal.open().find(({ kind }) => kind === "message")?.id ?? "";
  const other = await connect(wallets[1]);
  for (const [refused, got] of [
    [continueCall(fleet(), { ...mint, action: "Burn" }, id), "a message Mint"],
    [continueCall(fleet(), { ...mint, member: member("shop") }, id), "a message Mint"],
    [continueCall(fleet(other.ao), mint, id), "signed by"],
    [continueCall(fleet(), mint, "x".repeat(43)), "no such message"],
  ] as const) {
    const [problem] = await problemsOf(refused);
    expect(problem?.code).toBe("NOTHING_TO_CONTINUE");
    expect(problem?.got).toContain(got);
  }
  expect(minted).toEqual([]);
});

test("a second call with the same Correlation-Id gives up no message of the first one", async () => {
  const { fleet, losing, mint, network, journal } = await world("mainnet");
  const same = { ...mint, tags: { ...mint.tags, "Correlation-Id": "mine" } };
  network.isLosing = true;
  await problemsOf(sendCall(fleet(losing), same));
  network.isLosing = false;
  const [first] = journal.open().filter(({ kind }) => kind === "message");
  await sendCall(fleet(), same);
  expect(journal.byId(first?.id ?? "")?.state).toBe("signed");
});

test("only work that the next run continues is said to continue", async () => {
  const lost = () => {
    throw new FleetError(
      { code: "UNIT_DOWN", what: "It is down.", remedy: "Start it." },
      { transient: true },
    );
  };
  const remedyWithin = async (budget: Budget) =>
    (
      await problemsOf(retrying("reading it", budget, async () => lost(), { base: 1, cap: 1, floor: 9000 }))
    )[0]?.remedy;
  expect(await remedyWithin(budgetOf(5))).toBe("Start it.");
  const run: Budget = { ...budgetOf(5), continues: true };
  for (const budget of [run, within(run, 3), growing(run, 1).step()])
    expect(await remedyWithin(budget)).toBe("Start it. Running the same command again continues from here.");
});
