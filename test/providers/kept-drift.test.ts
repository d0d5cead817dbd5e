import { describe, expect, it } from "vitest";
import { type Drift, driftIn, has, keptDrift } from "../../src/fleet/health/kept-drift.ts";

const found: Drift[] = [
  { code: "STOPPED", text: "it is retired instead of active" },
  { code: "HAND_CHANGE", text: "handlers were added: hack" },
];

describe("what a state keeps of a refresh's findings", () => {
  it("is the sentences, and a code for each in their order", () => {
    const kept = keptDrift(found);
    expect(kept).toEqual({
      drift: ["it is retired instead of active", "handlers were added: hack"],
      driftCodes: ["STOPPED", "HAND_CHANGE"],
    });
    expect(driftIn(kept)).toEqual(found);
  });

  it("has no codes where nothing was found: a refresh of a state of version 0.1.0 changes nothing", () => {
    expect(Object.keys(keptDrift([]))).toEqual(["drift"]);
  });

  it("is decided by its codes, whatever the sentences say", () => {
    const kept = { drift: ["it is at epoch 9, the ledger at 3"], driftCodes: ["HAND_CHANGE" as const] };
    expect(has(driftIn(kept), "EPOCH_AHEAD")).toBe(false);
    expect(has(driftIn({ ...kept, driftCodes: ["EPOCH_AHEAD"] }), "EPOCH_AHEAD")).toBe(true);
  });
});

describe("a state of version 0.1.0, which has sentences alone, is read as", () => {
  it.each([
    ["STOPPED", "it is retired instead of active"],
    ["STOPPED", "it is draining instead of active"],
    ["EPOCH_AHEAD", "it is at epoch 9, the ledger at 3"],
    ["RIVAL_LEDGER", `somebody else made the ledger that counts: ${"a".repeat(43)}`],
    ["UNKNOWN", "it runs code 1a2b3c4d instead of 9f8e7d6c"],
    // The name of a handler may be anything.
    ["UNKNOWN", "handlers were added: it is at epoch 9, somebody else made the ledger that counts: x"],
  ] as const)("%s: %s", (code, text) => {
    expect(driftIn({ drift: [text] })).toEqual([{ code, text }]);
  });
});
