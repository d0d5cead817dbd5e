import { describe, expect, test } from "vitest";
import { z } from "zod";
import { proveProbe } from "../../providers/wiring/probes.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { ask, askPlain } from "../../src/fleet/protocol/ask.ts";
import { type Behaviour, fakeAo, fakeFleet, idOf, member, TIMEOUT_OF_ANOTHER, toUs } from "../cli/fakes.ts";

const session = (behave: Behaviour) => fakeFleet(fakeAo(behave), [member("battle")]).session;
const place = { name: "battle", generation: 1, processId: idOf("battle") };
const Any = z.looseObject({});

describe("a control message", () => {
  test("does not fail because of a reply to another message in its evaluation", async () => {
    const ours = toUs({ Action: "DRAIN-Response", "Correlation-Id": "message-0" }, '{"success":true,"n":1}');
    const one = session(() => ({ messages: [TIMEOUT_OF_ANOTHER, ours] }));
    expect(await ask(one, { ...place, action: "DRAIN", epoch: 1 }, Any, budgetOf(5))).toMatchObject({ n: 1 });
  });

  test("does not take such a reply as its answer either", async () => {
    const one = session(() => ({ messages: [TIMEOUT_OF_ANOTHER] }));
    const asked = ask(one, { ...place, action: "DRAIN", epoch: 1 }, Any, budgetOf(5));
    await expect(asked).rejects.toMatchObject({ code: "NO_REPLY" });
  });
});

test("a call accepts a plain program's reply in its own shape", async () => {
  const one = session(({ tags }) => ({
    messages: [TIMEOUT_OF_ANOTHER, toUs({ "X-Reference": tags.Reference ?? "" }, "222")],
  }));
  expect((await askPlain(one, { ...place, action: "Move" }, budgetOf(5))).data).toBe("222");
  const silent = session(() => ({ messages: [TIMEOUT_OF_ANOTHER] }));
  await expect(askPlain(silent, { ...place, action: "Move" }, budgetOf(1))).rejects.toMatchObject({
    code: "NO_REPLY",
  });
});

test("a call waits for the answer of a process that asks another first", async () => {
  const one = session(() => ({ messages: [{ target: idOf("token"), tags: { Action: "QUOTE" }, data: "" }] }));
  const reply = await askPlain(one, { ...place, action: "Move" }, budgetOf(5));
  expect(JSON.parse(reply.data)).toEqual({ success: true, late: true });
});

describe("a declared probe", () => {
  const probe = { action: "Move", data: {}, expect: {} };
  test("accepts a plain program's reply, and no other program's", async () => {
    const one = session(() => ({ messages: [TIMEOUT_OF_ANOTHER, toUs({}, '{"moves":222}')] }));
    await proveProbe(one, place, { ...probe, expect: { moves: 222 } }, budgetOf(5));
    const wrong = proveProbe(one, place, { ...probe, expect: { moves: 1 } }, budgetOf(5));
    await expect(wrong).rejects.toMatchObject({ code: "PROBE_FAILED" });
  });

  test("fails on a tag Error", async () => {
    const one = session(() => ({ messages: [toUs({ Error: "no such place" }, "")] }));
    await expect(proveProbe(one, place, probe, budgetOf(5))).rejects.toMatchObject({ code: "PROBE_FAILED" });
  });
});
