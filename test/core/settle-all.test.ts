import { expect, test } from "vitest";
import { FleetError } from "../../src/core/errors.ts";
import { settleAll } from "../../src/core/settle-all.ts";
import { problemsOf } from "../kit/failure.ts";

const failure = (code: string, transient = false) =>
  Promise.reject(new FleetError({ code, what: code, remedy: "Fix it." }, { transient }));

test("returns the values of a list or a record", async () => {
  expect(await settleAll([Promise.resolve(1), Promise.resolve("a")])).toEqual([1, "a"]);
  expect(await settleAll({ one: Promise.resolve(1), none: Promise.resolve(undefined) })).toEqual({
    one: 1,
    none: undefined,
  });
});

test("reports every problem at once, as transient only if all are", async () => {
  const found = await problemsOf(
    settleAll({ a: failure("A"), b: Promise.resolve(1), c: failure("C", true) }),
  );
  expect(found.map(({ code }) => code)).toEqual(["A", "C"]);
  await expect(settleAll([failure("A", true), failure("B")])).rejects.toMatchObject({ transient: false });
  await expect(settleAll([failure("A", true), failure("B", true)])).rejects.toMatchObject({
    transient: true,
  });
});

test("passes on any other error", async () => {
  await expect(settleAll([failure("A"), Promise.reject(new TypeError("bug"))])).rejects.toThrow(TypeError);
});
