import { expect, test } from "vitest";
import { FleetError, tolerate } from "../../src/core/errors.ts";

const refused = new FleetError({ code: "REFUSED", what: "No.", remedy: "None." });

test("tolerate puts a value in the place of a FleetError, of the named codes if there are any", async () => {
  const failing = (error: unknown) => Promise.reject(error);
  expect(await failing(refused).catch(tolerate("nothing"))).toBe("nothing");
  expect(await failing(refused).catch(tolerate(null, "OTHER", "REFUSED"))).toBeNull();
  await expect(failing(refused).catch(tolerate(null, "OTHER"))).rejects.toBe(refused);
});

test("tolerate throws any other error, also one with such a code", async () => {
  const bug = Object.assign(new Error("bug"), { code: "REFUSED" });
  expect(() => tolerate(undefined)(bug)).toThrow(bug);
  expect(() => tolerate(undefined, "REFUSED")(bug)).toThrow(bug);
});
