import { describe, expect, test } from "vitest";
import type { StackProcess } from "../../src/fleet/members/every-process.ts";
import type { Owner } from "../../src/fleet/protocol/ownership.ts";
import { actsIn, operatorsOf } from "../../src/operations/operators/read.ts";
import { rotationProblem } from "../../src/operations/operators/rotate.ts";

const [ALICE, BOB, CI] = ["a".repeat(43), "b".repeat(43), "c".repeat(43)];
const processOf = (name: string): StackProcess => ({
  ...{ name, member: name, processId: name.padEnd(43, "-"), generation: 1, lib: true },
});
const owned = (address: string, ...allowed: string[]): Owner => ({ is: "KNOWN", address, allowed });

describe("operators", () => {
  test("are every owner and every deployer that a process names, the owner of most first", () => {
    const [shop, admin, plain] = [processOf("shop"), processOf("admin"), processOf("plain")];
    const asked = [
      { process: shop, owner: owned(ALICE, CI, admin.processId, ALICE) },
      { process: admin, owner: owned(ALICE, CI) },
      { process: plain, owner: owned(BOB) },
      { process: processOf("mute"), owner: { is: "UNKNOWN", code: "NO_REPLY" } as const },
    ];
    expect(operatorsOf(asked, BOB)).toEqual([
      { address: ALICE, you: false, owns: ["shop", "admin"], deploys: [] },
      { address: BOB, you: true, owns: ["plain"], deploys: [] },
      { address: admin.processId, member: "admin", you: false, owns: [], deploys: ["shop"] },
      { address: CI, you: false, owns: [], deploys: ["shop", "admin"] },
    ]);
  });

  test("did what wallets wrote into the ledger, newest first, and not what members wrote", () => {
    const entry = {
      deploymentId: "d1",
      status: undefined,
      strategy: undefined,
      reason: undefined,
      cause: undefined,
      releaseHash: undefined,
    };
    const entries = [
      { ...entry, seq: 1, at: 1000, from: ALICE, kind: "DEPLOYMENT_BEGUN", operator: "alice op-1" },
      { ...entry, seq: 2, at: 2000, from: "shop", kind: "CONFIG_CHANGED" },
      { ...entry, seq: 3, at: 3000, from: ALICE, kind: "STARTUP" },
      { ...entry, seq: 4, at: 4000, from: BOB, kind: "DEPLOYMENT_FINISHED", status: "COMPLETED" },
    ];
    expect(actsIn(entries, new Set(["shop"]))).toEqual([
      {
        at: "1970-01-01T00:00:04.000Z",
        address: BOB,
        kind: "DEPLOYMENT_FINISHED",
        deploymentId: "d1",
        status: "COMPLETED",
      },
      {
        at: "1970-01-01T00:00:01.000Z",
        address: ALICE,
        operator: "alice op-1",
        kind: "DEPLOYMENT_BEGUN",
        deploymentId: "d1",
      },
    ]);
  });
});

describe("a rotation from one wallet to another", () => {
  test.each<[string, Owner, string[]]>([
    ["a process of the old wallet", owned(ALICE, CI), []],
    ["a process that was handed over before", owned(BOB), []],
    ["a process that ignores the old wallet", { is: "OTHER" }, []],
    ["a ruined process", { is: "RUINED" }, []],
    ["a process of a third wallet", owned(CI), ["ROTATION_OF_OTHERS"]],
    ["a process that does not answer", { is: "UNKNOWN", code: "NO_REPLY" }, ["OWNER_UNKNOWN"]],
    ["a process that lets the old wallet deploy", owned(ALICE, ALICE), ["OLD_WALLET_ALLOWED"]],
    ["one that was handed over and still lets it deploy", owned(BOB, ALICE), ["OLD_WALLET_ALLOWED"]],
  ])("meets %s", (_, owner, codes) => {
    expect(rotationProblem(processOf("shop"), owner, ALICE, BOB).map(({ code }) => code)).toEqual(codes);
  });

  test("to itself takes no right away, so a deployer with its address is no problem", () => {
    expect(rotationProblem(processOf("shop"), owned(ALICE, ALICE), ALICE, ALICE)).toEqual([]);
  });
});
