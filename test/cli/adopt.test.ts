import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { FoundItem } from "../../src/ao/port.ts";
import type { Adoption } from "../../src/fleet/members/adoption.ts";
import type { EngineEvent, EngineRun } from "../../src/operations/deploy/engine.ts";
import {
  ADDRESS,
  ended,
  fakeAo,
  fakeEngine,
  fakeFleet,
  fleet,
  HASH,
  idOf,
  projectFolder,
  urn,
} from "./fakes.ts";

const MODULE = "M".repeat(43);
const LEDGER = "deployment-coordinator";

/** A process as the gateway shows it. */
const item = (id: string, name: string, more: { generation?: number; owner?: string } = {}): FoundItem => ({
  id: idOf(id),
  owner: more.owner ?? ADDRESS,
  recipient: "",
  action: "(spawn)",
  tags: {
    Type: "Process",
    Module: MODULE,
    "Deployment-Key": `ao-fleet/dev/${name}`,
    Generation: String(more.generation ?? 1),
  },
});

interface World {
  readonly items: readonly FoundItem[];
  readonly retired?: readonly string[];
  /** Ids by name, as registered in the ledger. */
  readonly registered?: Readonly<Record<string, string>>;
  /** The process to which battle's router gives nine of ten requests, and the one that gets the tenth. */
  readonly routed?: readonly [most: string, rest: string];
}

const tableOf = (most: string, rest: string) => ({
  ...{ release: "r", step: 1, salt: "r", mode: "held", at: 1 },
  services: {
    battle: {
      key: "sender",
      routes: [
        { processId: idOf(rest), revision: HASH, weightBp: 1000 },
        { processId: idOf(most), revision: HASH, weightBp: 9000 },
      ],
    },
  },
});

function world({ items, retired = [], registered = {}, routed }: World) {
  const ao = fakeAo(({ processId, action }) => {
    if (action === "Info")
      return {
        reply: {
          success: true,
          status: retired.map(idOf).includes(processId) ? "RETIRED" : "ACTIVE",
          version: "1.0.0",
          sourceHash: HASH,
        },
      };
    if (action === "GET_TRAFFIC")
      return routed
        ? { reply: { success: true, table: tableOf(...routed), proofs: {}, serial: 1, epoch: 1, at: 1 } }
        : { reply: { success: false, error: { code: "UNKNOWN_ACTION", message: "it is no router" } } };
    const processes = Object.fromEntries(
      Object.entries(registered).map(([name, id]) => [
        idOf(id),
        { updatedAt: 1_700_000_000_000, metadata: { name, evalId: idOf(`eval-${id}`), sourceHash: HASH } },
      ]),
    );
    return { reply: { success: true, processes } };
  });
  ao.find = async ({ ids, tags }) =>
    items.filter(
      (one) => ids?.includes(one.id) ?? tags?.["Deployment-Key"]?.includes(one.tags["Deployment-Key"] ?? ""),
    );
  return fakeFleet(ao, []);
}

const declared = (name: string): Partial<EngineEvent> =>
  ({
    resourcePreEvent: {
      metadata: {
        op: "create",
        urn: urn("Process", name),
        type: "Process",
        provider: "",
        new: {
          inputs: {
            name,
            module: MODULE,
            version: "1.0.0",
            bundle: { hash: HASH },
            scope: { project: "ao-fleet", stack: "dev", ledger: LEDGER },
            network: { kind: "local", dir: ".fleet/localnet" },
            ...(name === "battle" ? { strategy: { kind: "new-process", router: LEDGER } } : {}),
          },
        },
      },
    },
  }) as unknown as Partial<EngineEvent>;

/** Runs `fleet adopt` for a program that declares a ledger and battle; `adoption` is what the providers received. */
async function adopt(
  words: readonly string[],
  given: World,
  more: { tty?: boolean; choose?: number; confirm?: boolean } = {},
) {
  let adoption: Adoption | undefined;
  let path = "";
  const ups: EngineRun[] = [];
  const engine = fakeEngine(async (run) => {
    if (run.kind === "up") {
      ups.push(run);
      path = run.env.FLEET_ADOPT ?? "";
      adoption = JSON.parse(readFileSync(path, "utf8"));
    }
    for (const name of [LEDGER, "battle"])
      run.say(run.kind === "up" ? ended("Process", name) : declared(name));
    return { ok: true };
  });
  const ran = await fleet(["adopt", "-C", projectFolder(), "--json", ...words], {
    fleet: world(given),
    engine,
    confirm: true,
    ...more,
  });
  return { ran, adoption, ups: ups.length, left: existsSync(path) };
}

const BOTH = [item("ledger", LEDGER), item("one", "battle")];

describe("fleet adopt", () => {
  it("adopts nothing on a no, and says so", async () => {
    const given = { items: BOTH, registered: { battle: "one" } };
    const { ran, ups } = await adopt([], given, { tty: true, confirm: false });
    expect([ran.code, ran.json(), ups]).toEqual([0, { success: true, stack: "dev", declined: true }, 0]);
  });

  it("passes the processes to adopt to the providers, and creates none", async () => {
    const { ran, adoption, left } = await adopt(["--yes"], {
      items: BOTH,
      registered: { battle: "one" },
    });
    expect(ran.code).toBe(0);
    expect(adoption).toEqual({
      allowCreate: false,
      members: {
        [LEDGER]: { processId: idOf("ledger"), generation: 1, sourceHash: HASH },
        battle: {
          processId: idOf("one"),
          generation: 1,
          sourceHash: HASH,
          evalId: idOf("eval-one"),
          loadedAt: 1_700_000_000_000,
        },
      },
    });
    expect(left).toBe(false);
    expect(Object.keys(ran.json<{ adopted: object }>().adopted)).toEqual([LEDGER, "battle"]);
  });

  it("changes nothing in a dry run", async () => {
    const { ran, ups } = await adopt(["--dry-run"], { items: BOTH });
    expect([ran.code, ups]).toEqual([0, 0]);
    expect(ran.json()).toMatchObject({ dryRun: true, adopted: { battle: { processId: idOf("one") } } });
  });

  it("fails when a member is missing, and lists what it found of it", async () => {
    const retired = await adopt(["--yes"], { items: BOTH, retired: ["one"] });
    expect([retired.ran.code, retired.ups]).toEqual([1, 0]);
    expect(retired.ran.stderr).toContain("it was retired");
    const foreign = await adopt(["--yes"], {
      items: [item("ledger", LEDGER), item("one", "battle", { owner: "B".repeat(43) })],
    });
    expect(foreign.ran.stderr).toContain(`belongs to another wallet: ${"B".repeat(43)}`);
    expect(foreign.ran.json()).toMatchObject({ error: { code: "ADOPT_MISSING" } });
  });

  it("creates missing members if that is allowed", async () => {
    const { ran, adoption } = await adopt(["--yes", "--allow-create"], { items: [item("ledger", LEDGER)] });
    expect(ran.code).toBe(0);
    expect(adoption).toMatchObject({ allowCreate: true });
    expect(Object.keys(adoption?.members ?? {})).toEqual([LEDGER]);
  });

  it("lists several candidates, and takes the one that is named or chosen", async () => {
    const items = [...BOTH, item("two", "battle", { generation: 2 })];
    const listed = await adopt(["--yes"], { items });
    expect(listed.ran.code).toBe(1);
    expect(listed.ran.stderr).toContain("ADOPT_SEVERAL");
    for (const id of ["one", "two"]) expect(listed.ran.stderr).toContain(idOf(id));
    const named = await adopt(["--yes", "--process", `battle=${idOf("one")}`], { items });
    expect(named.adoption?.members.battle?.processId).toBe(idOf("one"));
    const chosen = await adopt([], { items }, { tty: true, choose: 0 });
    expect(chosen.adoption?.members.battle).toMatchObject({ processId: idOf("two"), generation: 2 });
  });

  it("takes the candidate that the ledger knows", async () => {
    const items = [...BOTH, item("two", "battle")];
    const { adoption } = await adopt(["--yes"], { items, registered: { battle: "two" } });
    expect(adoption?.members.battle?.processId).toBe(idOf("two"));
  });

  it("takes the candidate that the router gives most requests to, even if another is newer or registered", async () => {
    const items = [...BOTH, item("two", "battle", { generation: 2 })];
    const given = { items, registered: { battle: "two" } };
    const serving = await adopt(["--yes"], { ...given, routed: ["one", "two"] });
    expect(serving.adoption?.members.battle).toMatchObject({ processId: idOf("one"), generation: 1 });
    const gone = await adopt(["--yes"], { ...given, retired: ["one"], routed: ["one", "two"] });
    expect(gone.adoption?.members.battle?.processId).toBe(idOf("two"));
  });

  it("refuses an id that cannot be the member, and an unknown name", async () => {
    const strange = await adopt(["--yes", "--process", `battle=${idOf("nowhere")}`], { items: BOTH });
    expect(strange.ran.json()).toMatchObject({ error: { code: "ADOPT_REFUSED" } });
    const unknown = await adopt(["--yes", "--process", `bottle=${idOf("one")}`], { items: BOTH });
    expect(unknown.ran.code).toBe(2);
  });

  it("asks nothing without a terminal", async () => {
    const { ran, ups } = await adopt([], { items: BOTH });
    expect([ran.code, ups]).toEqual([2, 0]);
  });
});
