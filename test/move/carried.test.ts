/** Whether a state is a router's, which stays with its fleet. */
import { expect, test } from "vitest";
import { budgetOf } from "../../src/core/budget.ts";
import { containsRouter } from "../../src/operations/move/carried.ts";
import { type Answer, fakeAo, fakeFleet, member } from "../cli/fakes.ts";
import { failureOf } from "../kit/failure.ts";

const TEXT = JSON.stringify({ stateVersion: "", states: { traffic: { serial: 7 } } });
const look = (answer: Answer, text = TEXT) =>
  containsRouter(
    fakeFleet(
      fakeAo(() => answer),
      [],
    ),
    member("entry"),
    { text },
    budgetOf(1),
  );
const refusing = (code: string): Answer => ({
  reply: { success: false, error: { code, message: "no", remedy: "none" } },
});

test("a process that answers with a table, or does not know the action, shows whether it has a router", async () => {
  const table = { success: true, proofs: [], serial: 1, epoch: 1, at: 2 };
  expect(await look({ reply: table })).toBe(true);
  expect(await look(refusing("UNKNOWN_ACTION"))).toBe(false);
  expect(await look({}, JSON.stringify({ stateVersion: "", states: {} }))).toBe(false);
});

test.each([
  ["no answer", {}, "NO_REPLY"],
  ["an error of the evaluation", { error: "boom" }, "PROCESS_ERROR"],
  ["a refusal", refusing("FORBIDDEN"), "FORBIDDEN"],
])("%s shows nothing: the table could be carried to another fleet", async (_, answer, code) => {
  expect(await failureOf(look(answer))).toMatchObject({ code });
});
