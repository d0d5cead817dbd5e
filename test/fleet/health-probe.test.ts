import { describe, expect, test } from "vitest";
import { budgetOf } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { awaitHealthyWithoutLibrary, observeWithoutLibrary } from "../../src/fleet/code/without-library.ts";
import { awaitHealthy } from "../../src/fleet/health/probe.ts";
import { HealthPolicySchema } from "../../src/fleet/health/schema.ts";
import { classifyFailedRead } from "../../src/operations/observe/unanswered.ts";
import { fakeAo, fakeFleet, member } from "../cli/fakes.ts";

const shop = { ...member("shop"), generation: 1 };
const policy = HealthPolicySchema.parse({ timeoutSeconds: 5, intervalSeconds: 0.05, retries: 1 });
const expected = { version: "1.0.0", sourceHash: "a".repeat(64) };

/** Each way to judge a process, if every probe of it fails with an error. */
const WAYS: [name: string, (error: Error) => Promise<unknown>][] = [
  ["with the library", (error) => awaitHealthy(failing(error), shop, expected, policy, budgetOf(5))],
  ["without it", (error) => awaitHealthyWithoutLibrary(failing(error), shop, [], policy, budgetOf(5))],
];
function failing(error: Error) {
  const ao = fakeAo(() => {
    throw error;
  });
  return fakeFleet(ao, [shop]).session;
}
const failure = (code: string, options = {}) =>
  new FleetError({ code, what: "what happened", remedy: "a fix" }, options);

describe.each(WAYS)("a process %s", (_name, verdict) => {
  test("gets no verdict by a failure of this machine: a full disk stays a full disk", async () => {
    const full = failure("JOURNAL_UNWRITABLE", { isLocal: true });
    await expect(verdict(full)).rejects.toBe(full);
  });

  test("is judged by its refusal, and by no unit that does not answer", async () => {
    expect(await verdict(failure("UNIT_DOWN", { transient: true }))).toMatchObject({ status: "UNKNOWN" });
    expect(await verdict(failure("NO_REPLY"))).toMatchObject({ status: "OFFLINE" });
    expect(await verdict(failure("FORBIDDEN_ACTION"))).toMatchObject({ status: "UNHEALTHY" });
  });

  test("that is ruined is not probed again: the error says what to do", async () => {
    await expect(verdict(failure("PROCESS_RUINED"))).rejects.toMatchObject({ code: "PROCESS_RUINED" });
  });
});

test.each(["PROCESS_RUINED", "NODE_CHANGED", "UNIT_NOT_AO"])(
  "a refresh of a process without the library fails by %s, as of any other, and does not call the process changed by hand",
  async (code) => {
    const seen = observeWithoutLibrary(failing(failure(code)), shop, [], budgetOf(5));
    await expect(seen).rejects.toMatchObject({ code });
  },
);

test("an answer of its own is what a refresh reports", async () => {
  const seen = observeWithoutLibrary(failing(failure("PROCESS_ERROR")), shop, [], budgetOf(5));
  expect(await seen).toMatchObject({ health: { status: "OFFLINE" } });
});

test("a check that another node at the URL refused says nothing about the process", () => {
  expect(classifyFailedRead(failure("NODE_CHANGED", { isLocal: true }))).toMatchObject({ state: "UNKNOWN" });
  expect(classifyFailedRead(failure("FORBIDDEN_ACTION"))).toMatchObject({ state: "UNHEALTHY" });
});
