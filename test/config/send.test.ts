/** Settings sent by hand that one member refuses, while others cannot return to their previous ones. */
import { expect, test } from "vitest";
import { FleetError } from "../../src/core/errors.ts";
import { hashOf } from "../../src/core/hash.ts";
import { sendConfigs } from "../../src/operations/settings/send.ts";
import { fakeAo, fakeFleet, idOf, member } from "../cli/fakes.ts";
import { failureOf } from "../kit/failure.ts";

interface Held {
  readonly configData: object;
  readonly version: number;
  readonly hash: string;
}

const names = ["silent", "stale", "changed", "fine", "deaf"];

test("all withdrawals are tried, and each member that may not have its previous settings is named after the refusal", async () => {
  const before: Held = { configData: { maxConcurrentRequests: 4 }, version: 1, hash: "" };
  const held = new Map(names.map((name) => [idOf(name), { PROCESS_CONFIG: before } as Record<string, Held>]));
  const refusal = (code: string) => ({
    reply: { success: false, error: { code, message: `${code} of this test` } },
  });
  const ao = fakeAo(({ processId, action, data }) => {
    const configs = held.get(processId) ?? {};
    const { configType = "", ...one } = JSON.parse(data || "{}");
    if (action === "Info") return { reply: { success: true, epoch: 3 } };
    if (action === "GET_CONFIG") return { reply: { success: true, configs, highest: { PROCESS_CONFIG: 1 } } };
    if (action === "UPDATE_CONFIG") {
      if (processId === idOf("deaf")) return refusal("INVALID_CONFIG");
      configs[configType] = one;
      return { reply: { success: true, configType } };
    }
    if (processId === idOf("silent"))
      throw new FleetError({ code: "UNIT_SLOW", what: "The unit did not answer in time.", remedy: "Wait." });
    if (processId === idOf("stale")) return refusal("STALE_EPOCH");
    const restored = processId === idOf("fine") && configs[configType]?.version === one.version;
    if (restored) configs[configType] = before;
    return { reply: { success: true, restored } };
  });
  const fleet = fakeFleet(
    ao,
    names.map((name) => member(name)),
  );
  const wanted = fleet.members.map((each) =>
    each.name === "deaf"
      ? { member: each, configType: "LOGGING_CONFIG", data: { logLevel: "WARN" } }
      : { member: each, configType: "PROCESS_CONFIG", data: { maxConcurrentRequests: 9 } },
  );
  const error = (await failureOf(sendConfigs(fleet, wanted, 30))) as FleetError;
  expect(error).toBeInstanceOf(FleetError);
  expect(error.problems).toEqual([
    expect.objectContaining({ code: "INVALID_CONFIG" }),
    expect.objectContaining({
      code: "CONFIG_PARTIAL",
      remedy: "Fix the problems of the targets above and run the command again.",
    }),
    expect.objectContaining({
      code: "UNIT_SLOW",
      what: "silent may still hold PROCESS_CONFIG v2: The unit did not answer in time.",
    }),
    expect.objectContaining({
      code: "STALE_EPOCH",
      what: expect.stringMatching(/^stale may still hold PROCESS_CONFIG v2: /),
    }),
    expect.objectContaining({
      code: "CONFIG_OVERTAKEN",
      what: "changed does not hold PROCESS_CONFIG v2 any more, so it was not restored.",
    }),
  ]);
  expect(held.get(idOf("fine"))?.PROCESS_CONFIG).toEqual(before);
  expect(held.get(idOf("silent"))?.PROCESS_CONFIG?.hash).toBe(hashOf({ maxConcurrentRequests: 9 }));
});
