import { expect, test } from "vitest";
import { budgetOf } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { awaitHealthy } from "../../src/fleet/health/probe.ts";
import { HealthPolicySchema } from "../../src/fleet/health/schema.ts";
import { fakeAo, fakeFleet, member } from "../cli/fakes.ts";

const shop = { ...member("shop"), generation: 1 };
const policy = HealthPolicySchema.parse({ timeoutSeconds: 5, intervalSeconds: 0.05, retries: 1 });
const expected = { version: "1.0.0", sourceHash: "a".repeat(64) };

/** The verdict if every probe fails with this error. */
function verdict(error: Error) {
  const ao = fakeAo(() => {
    throw error;
  });
  return awaitHealthy(fakeFleet(ao, [shop]).session, shop, expected, policy, budgetOf(5));
}
const failure = (code: string, options = {}) =>
  new FleetError({ code, what: "what happened", remedy: "a fix" }, options);

test("a failure of this machine is not a verdict on a process: a full disk stays a full disk", async () => {
  const full = failure("JOURNAL_UNWRITABLE", { isLocal: true });
  await expect(verdict(full)).rejects.toBe(full);
});

test("a unit that does not answer says nothing about a process, and a refusal of the process does", async () => {
  expect(await verdict(failure("UNIT_DOWN", { transient: true }))).toMatchObject({ status: "UNKNOWN" });
  expect(await verdict(failure("FORBIDDEN_ACTION"))).toMatchObject({ status: "UNHEALTHY" });
});
