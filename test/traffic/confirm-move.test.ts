/** What a run reads and does about an old revision of a move that the router has carried out. */
import { expect, it } from "vitest";
import { confirmMove } from "../../providers/traffic/confirm-move.ts";
import { FleetError } from "../../src/core/errors.ts";

const FROM = "b".repeat(43);
const TO = "g".repeat(43);
const keys = { salt: "r2", from: 0, to: 3000 };
const whole = { name: "shop", from: FROM, to: TO };

/** What is done about a move, if its revisions answer this. */
async function done(move: typeof whole & { keys?: typeof keys }, from: boolean | Error, to?: boolean) {
  const log: string[] = [];
  await confirmMove(move, {
    admission: {
      refuses: async () => {
        if (from instanceof Error) throw from;
        return from;
      },
      stop: async (one) => {
        log.push(`stop ${one.processId[0]}${one.keys ? " keys" : ""}`);
        return { ...one, state: "refuses" };
      },
    },
    report: async (name, detail, phase) => void log.push(`${phase} ${name} ${detail}`),
    refusesUnlessLost: async () => to,
    moveAgain: async () => void log.push("moved again"),
  });
  return log;
}
const error = (code: string, isLocal = false) =>
  new FleetError({ code, what: `It failed with ${code}.`, remedy: "None." }, { isLocal });

it.each([whole, { ...whole, keys }])(
  "does nothing if it refuses requests, or is ruined: %j",
  async (move) => {
    expect(await done(move, true)).toEqual([]);
    expect(await done(move, error("PROCESS_RUINED"))).toEqual([]);
  },
);

it.each([true, false])(
  "never copies a range of keys again, whatever the successor answers (refuses: %s), and claims no loss",
  async (to) => {
    const log = await done({ ...whole, keys }, false, to);
    expect(log).toEqual([
      "stop b keys",
      expect.stringContaining("repaired shop bbbbbbbb accepted requests of 30 % of callers"),
    ]);
    expect(log.join("\n")).not.toMatch(/lost|changed/);
  },
);

it("moves a whole state again if the successor refuses requests, and otherwise stops the old revision", async () => {
  expect(await done(whole, false, true)).toEqual(["moved again"]);
  expect(await done(whole, false, false)).toEqual([
    "stop b",
    expect.stringContaining("state-lost shop bbbbbbbb accepted requests"),
  ]);
  // The loss of a ruined successor's state is reported where it is accepted.
  expect(await done(whole, false, undefined)).toEqual(["stop b"]);
});

it.each(["NO_REPLY", "UNIT_SLOW", "PROCESS_ERROR", "PROCESS_GONE"])(
  "is named and blocks nothing if it does not answer: %s",
  async (code) => {
    expect(await done(whole, error(code), false)).toEqual([
      `not-repaired shop bbbbbbbb did not answer, so it is not known whether it refuses requests: It failed with ${code}. [${code}] The router sends them to gggggggg`,
    ]);
  },
);

it("fails if the failure is this machine's", async () => {
  await expect(done(whole, error("JOURNAL_UNWRITABLE", true))).rejects.toThrow("JOURNAL_UNWRITABLE");
  await expect(done(whole, new TypeError("a bug"))).rejects.toThrow("a bug");
});
