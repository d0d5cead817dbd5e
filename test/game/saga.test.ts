/** What the coordinator concludes from the codes of a step and of an undo. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Aos, boot } from "../processes/aos.ts";

let coordinator: Aos;
beforeAll(async () => {
  coordinator = await boot("coordinator");
}, 60_000);
afterAll(() => coordinator.drop());

interface Outcome {
  readonly status: string;
  /** The next call. */
  readonly next?: string;
  /** Whether it has to wait, after each reply. */
  readonly waits: readonly boolean[];
  /** Calls in the trail. */
  readonly calls: number;
}

/** A starter-purchase (PURCHASE, CONSUME_ITEM, CREATE_POKEMON) after these replies: ok, or a code. */
const outcomeOf = (...replies: string[]) =>
  coordinator.value(`(function()
    local saga, waits = require("saga"), {}
    local run = saga.start("w", "starter-purchase", "p", { species = "eevee" }, 0)
    for place, code in ipairs(Fleet.json.decode('${JSON.stringify(replies)}')) do
      local reply = { success = true }
      if code ~= "ok" then reply = { success = false, error = { code = code, message = "m", remedy = "r" } } end
      waits[place] = saga.settle(run, reply, place) == true
    end
    local command = saga.command(run)
    return { status = run.status, next = command and command.action, waits = waits, calls = #run.trail }
  end)()`) as Promise<Outcome>;

describe("a step that failed", () => {
  test.each([
    ...["TIMEOUT", "BAD_REPLY", "SERVICE_FAULT", "CANCELLED", "INTERNAL", "HATCHING", "BUSY", "GONE"],
  ])("with %s may have been done, and is undone too", async (code) => {
    expect(await outcomeOf("ok", "ok", code)).toMatchObject({
      status: "COMPENSATING",
      next: "RELEASE_POKEMON",
    });
  });

  test.each(["DRAINING", "FORBIDDEN", "BOX_FULL"])("with %s was not done", async (code) => {
    expect(await outcomeOf("ok", "ok", code)).toMatchObject({ status: "COMPENSATING", next: "RETURN_ITEM" });
  });
});

describe("an undo that failed", () => {
  test.each(["DRAINING", "GONE", "BUSY", "TIMEOUT", "MEMORY_LIMIT", "RATE_LIMITED", "PEER_UNKNOWN"])(
    "with %s is repeated later, as often as it takes",
    async (code) => {
      const repeated = Array.from({ length: 10 }, () => code);
      expect(await outcomeOf("ok", "FORBIDDEN", ...repeated)).toEqual({
        ...{ status: "COMPENSATING", next: "REFUND", calls: 3 },
        waits: [false, false, ...repeated.map(() => true)],
      });
    },
  );

  test("with another code is tried three times at once", async () => {
    const [refused, gone] = ["FORBIDDEN", "ITEMS_GONE"];
    expect(await outcomeOf("ok", refused, gone, gone)).toMatchObject({
      status: "COMPENSATING",
      next: "REFUND",
    });
    expect(await outcomeOf("ok", refused, gone, gone, gone)).toEqual({
      ...{ status: "COMPENSATION_FAILED", waits: [false, false, false, false, false], calls: 5 },
    });
  });
});
