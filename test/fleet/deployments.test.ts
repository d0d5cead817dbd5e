import { describe, expect, onTestFinished, test } from "vitest";
import { budgetOf } from "../../src/core/budget.ts";
import {
  beginRun,
  completeRun,
  completionTags,
  failRun,
  releaseIn,
  releaseOfRun,
  reportProgress,
} from "../../src/fleet/protocol/deployments.ts";
import { dryLedgerPage, ledgerEntries } from "../../src/fleet/protocol/ledger.ts";
import { keepSecrets } from "../../src/fleet/session/secrets.ts";
import { fakeAo, fakeFleet, idOf, member } from "../cli/fakes.ts";

const ledger = member("ledger");
const at = { name: "ledger", generation: 1, processId: idOf("ledger"), epoch: 7 };
const budget = budgetOf(5);

function telling(reply: object = {}) {
  const ao = fakeAo(() => ({ reply: { success: true, ...reply } }));
  const { session } = fakeFleet(ao, [ledger]);
  const told = () =>
    ao.sent.map(({ tags: { Nonce: _, ...tags }, data }) => ({
      tags,
      request: JSON.parse(data).deployRequest,
    }));
  return { session, told };
}

describe("a message to the ledger about a run", () => {
  const own = {
    Action: "DEPLOY_PROCESS",
    "Content-Type": "application/json",
    Epoch: "7",
    "Deployment-Id": "d",
  };

  test("starts it at the earlier epoch, and returns the run's own", async () => {
    const { session, told } = telling({ deploymentId: "d", epoch: 8 });
    expect(await beginRun(session, at, { deploymentId: "d", operator: "op-1" }, budget)).toBe(8);
    await beginRun(session, at, { deploymentId: "d", operator: "op-1", takeOver: true }, budget);
    const request = { deploymentId: "d", deploymentStrategy: "DEPENDENCY_AWARE", operator: "op-1" };
    expect(told()).toEqual([
      { tags: { ...own, Phase: "begin" }, request },
      { tags: { ...own, Phase: "begin" }, request: { ...request, takeOver: true } },
    ]);
  });

  test("reports its progress, and which process was ruined", async () => {
    const { session, told } = telling();
    const ruined = { status: "RUINED" as const, processId: "p", reason: "PROCESS_RUINED" };
    await reportProgress(session, at, "d", { beat: 3 }, budget);
    await reportProgress(session, at, "d", { processes: { shop: ruined } }, budget);
    expect(told()).toEqual([
      { tags: { ...own, Phase: "progress" }, request: { deploymentId: "d", beat: 3 } },
      { tags: { ...own, Phase: "progress" }, request: { deploymentId: "d", processes: { shop: ruined } } },
    ]);
  });

  test("reports its failure without a secret in the reason", async () => {
    keepSecrets({ rawConfig: { "game:cuUrl": "http://x/key-5d1" } });
    onTestFinished(() => keepSecrets({ rawConfig: {} }));
    const { session, told } = telling();
    await failRun(session, at, "d", { status: "FAILED", reason: "http://x/key-5d1 is down" }, budget);
    expect(told()).toMatchObject([{ request: { status: "FAILED", reason: "[secret] is down" } }]);
  });

  test("reports its failure, with a reason of 500 characters at most", async () => {
    const { session, told } = telling();
    await failRun(session, at, "d", { status: "HELD", reason: "x".repeat(501) }, budget);
    const request = { deploymentId: "d", status: "HELD", reason: "x".repeat(500) };
    expect(told()).toEqual([{ tags: { ...own, Phase: "finish" }, request }]);
  });

  test("reports its completion, with the release, in a message that is found by its tags", async () => {
    const { session, told } = telling();
    const manifest = { processes: {}, release: { deploymentId: "d" } };
    await completeRun(session, at, "d", { releaseHash: "h", manifest }, budget);
    const [message] = told();
    const tags = { ...own, Phase: "finish", "Deployment-Key": "ao-fleet/dev/release" };
    const request = { deploymentId: "d", status: "COMPLETED", releaseHash: "h", manifest };
    expect(message).toEqual({ tags, request });
    for (const found of [completionTags(session.scope), completionTags(session.scope, "d")])
      expect(tags).toMatchObject(found);
    expect(releaseIn(JSON.stringify({ deployRequest: message?.request }))).toEqual({ deploymentId: "d" });
  });

  test.each([
    [
      "of a run that failed",
      JSON.stringify({ deployRequest: { status: "FAILED", manifest: { release: {} } } }),
    ],
    ["without a manifest", JSON.stringify({ deployRequest: { status: "COMPLETED" } })],
    ["that is not JSON", "{"],
  ])("%s has no release", (_what, data) => {
    expect(releaseIn(data)).toBeUndefined();
  });
});

test("a ledger that does not know a run has no release of it; any other refusal is an error", async () => {
  const refusing = (code: string) =>
    fakeFleet(
      fakeAo(() => ({ reply: { success: false, error: { code, message: "no" } } })),
      [ledger],
    ).session;
  expect(await releaseOfRun(refusing("UNKNOWN_DEPLOYMENT"), ledger, "d", budget)).toBeUndefined();
  await expect(releaseOfRun(refusing("FORBIDDEN"), ledger, "d", budget)).rejects.toMatchObject({
    code: "FORBIDDEN",
  });
});

describe("the ledger's entries", () => {
  const entry = (seq: number) => ({
    seq,
    at: seq,
    from: "me",
    kind: "DEPLOYMENT_BEGUN",
    deploymentId: `d${seq}`,
  });
  const ao = () =>
    fakeAo(({ data }) => {
      const { since } = JSON.parse(data) as { since: number };
      return { reply: { success: true, entries: [entry(since + 1)], next: since + 1, length: 3 } };
    });

  test("are read page by page", async () => {
    const network = ao();
    const entries = await ledgerEntries(fakeFleet(network, [ledger]).session, ledger, budget);
    expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(network.sent.map(({ tags, data }) => [tags.Action, JSON.parse(data)])).toEqual(
      [0, 1, 2].map((since) => ["LEDGER", { since, limit: 200 }]),
    );
  });

  test("are read by a dry run from any entry on, and missing fields are undefined", async () => {
    const page = await dryLedgerPage(fakeFleet(ao(), [ledger]), ledger, 5, 1);
    expect(page).toMatchObject({ entries: [{ seq: 2, deploymentId: "d2" }], next: 2, length: 3 });
    expect(page.entries[0]?.cause).toBeUndefined();
  });
});
