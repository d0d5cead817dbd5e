/** Which failures of a message to the router say that it never has an effect; and what a resumed revision answered. */
import { describe, expect, it } from "vitest";
import { Admission } from "../../providers/traffic/admission.ts";
import { routerOf } from "../../providers/traffic/router.ts";
import { unitDown, unitSlow } from "../../src/ao/errors.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { isUnsent } from "../../src/fleet/protocol/ask.ts";
import type { Session } from "../../src/fleet/session/session.ts";

const ID = "p".repeat(43);
const problem = (code: string) => ({ code, what: `It failed with ${code}.`, remedy: "None." });

/** A session whose message fails, or is answered, like this. */
function sessionOf(fails: { epoch?: Error; send?: Error; evaluation?: Error }, isSigned = true, reply = {}) {
  const throwing = (error: Error | undefined) => {
    if (error) throw error;
  };
  return {
    scope: { project: "p", stack: "s", home: "", build: "" },
    ao: {
      address: "me",
      send: async () => {
        throwing(fails.send);
        return { id: "m", resent: false };
      },
      evaluation: async () => {
        throwing(fails.evaluation);
        const tags = { Action: "RESUME-Response" };
        return {
          messageId: "m",
          output: "",
          messages: [{ target: "me", tags, data: JSON.stringify(reply) }],
        };
      },
      settle: async () => {},
    },
    journal: { signed: () => (isSigned ? {} : undefined), void: async () => {} },
    supersede: async () => {},
    deployment: {
      epoch: async () => {
        throwing(fails.epoch);
        return 7;
      },
    },
  } as unknown as Session;
}

const failure = (session: Session): Promise<unknown> =>
  routerOf(session, { name: "router", processId: ID, generation: 1 }, () => budgetOf(5))
    .set({ release: "r2", step: 1, salt: "r2", services: {} })
    .then(
      () => undefined,
      (error: unknown) => error,
    );

describe("a message that switches traffic", () => {
  const slow = unitSlow("messenger unit", "http://mu", 1000);
  // Errors are marked, so each case has its own.
  const full = () => new FleetError(problem("JOURNAL_UNWRITABLE"), { isLocal: true });
  const refused = { cause: Object.assign(new Error("connect"), { code: "ECONNREFUSED" }) };

  it.each<[string, Parameters<typeof sessionOf>[0], boolean]>([
    ["its epoch is stale in the ledger", { epoch: new FleetError(problem("STALE_EPOCH")) }, false],
    ["the journal could not take it", { send: full() }, false],
    ["the wallet does not cover its price", { send: new FleetError(problem("WALLET_UNFUNDED")) }, true],
    ["it is too large", { send: new FleetError(problem("MESSAGE_TOO_LARGE")) }, true],
  ])("never has an effect if %s", async (_, fails, isSigned) => {
    const error = await failure(sessionOf(fails, isSigned));
    expect(error).toBeInstanceOf(FleetError);
    expect(isUnsent(error)).toBe(true);
  });

  it.each<[string, Parameters<typeof sessionOf>[0]]>([
    ["the messenger unit did not answer", { send: slow }],
    ["the journal could not note that it was sent", { send: full() }],
    ["the compute unit cannot be reached", { evaluation: unitDown("compute unit", "http://cu", refused) }],
    ["the compute unit did not answer", { evaluation: slow }],
  ])("may have one if %s", async (_, fails) => {
    const error = await failure(sessionOf(fails));
    expect(error).toBeInstanceOf(FleetError);
    expect(isUnsent(error)).toBe(false);
  });
});

describe("a revision that is resumed", () => {
  it.each([
    ["ACTIVE", "serves"],
    ["DRAINING", "refuses"],
  ])("answers %s: it %s", async (status, state) => {
    const admission = new Admission(sessionOf({}, true, { success: true, status }), () => budgetOf(5));
    expect(await admission.tryResume({ name: "shop", processId: ID })).toMatchObject({ state });
  });
});
