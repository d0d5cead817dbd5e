import { describe, expect, it } from "vitest";
import { type Drift, hasDrift, readDriftCodes, storeDriftCodes } from "../../src/fleet/health/drift-codes.ts";

const found: Drift[] = [
  { code: "STOPPED", text: "it is retired instead of active" },
  { code: "HAND_CHANGE", text: "handlers were added: hack" },
];

describe("a refresh's findings in a state", () => {
  it("are the sentences, and a code for each in the same order", () => {
    const kept = storeDriftCodes(found);
    expect(kept).toEqual({
      drift: ["it is retired instead of active", "handlers were added: hack"],
      driftCodes: ["STOPPED", "HAND_CHANGE"],
    });
    expect(readDriftCodes(kept)).toEqual(found);
  });

  it("have no codes if nothing was found: a refresh of a state of version 0.1.0 changes nothing", () => {
    expect(Object.keys(storeDriftCodes([]))).toEqual(["drift"]);
  });

  it("are decided by their codes, whatever the sentences say", () => {
    const kept = { drift: ["it is at epoch 9, the ledger at 3"], driftCodes: ["HAND_CHANGE" as const] };
    expect(hasDrift(readDriftCodes(kept), "EPOCH_AHEAD")).toBe(false);
    expect(hasDrift(readDriftCodes({ ...kept, driftCodes: ["EPOCH_AHEAD"] }), "EPOCH_AHEAD")).toBe(true);
  });
});

describe("a state of version 0.1.0, which has sentences alone, is read as", () => {
  it.each([
    ["STOPPED", "it is retired instead of active"],
    ["STOPPED", "it is draining instead of active"],
    ["EPOCH_AHEAD", "it is at epoch 9, the ledger at 3"],
    ["RIVAL_LEDGER", `somebody else made the ledger that counts: ${"a".repeat(43)}`],
    ["UNKNOWN", "it runs code 1a2b3c4d instead of 9f8e7d6c"],
    // A handler may have any name.
    ["UNKNOWN", "handlers were added: it is at epoch 9, somebody else made the ledger that counts: x"],
  ] as const)("%s: %s", (code, text) => {
    expect(readDriftCodes({ drift: [text] })).toEqual([{ code, text }]);
  });
});
