import type { Budget } from "../../core/budget.ts";
import { LUA_TYPE } from "../../core/devices.ts";
import { FleetError } from "../../core/errors.ts";
import { UnitError } from "../errors.ts";
import type { FoundItem } from "../port.ts";
import { type Backoff, retrying } from "../retry.ts";
import { readPage } from "./gateway.ts";
import type { Unit } from "./http.ts";

/** Seconds after which an unknown module counts as missing; the rest of the budget is for other work. */
export const MODULE_SECONDS = 15;

/** The modules of a network, each looked up once. */
interface Modules {
  /** @throws FleetError MODULE_UNKNOWN once the budget is spent, MODULE_INVALID for an item that is not a module */
  load(id: string, budget: Budget): Promise<FoundItem>;
  /** Adds a module that need not be looked up. */
  know(module: FoundItem): void;
}

/**
 * Looks modules up in the gateway's index.
 *
 * @param lua whether the network also runs modules in Lua, which need no other tag than their content type
 */
export function moduleLoader(index: Unit, backoff: Backoff, { lua = false } = {}): Modules {
  const modules = new Map<string, FoundItem>();
  const know = (module: FoundItem) => {
    modules.set(module.id, module);
  };
  async function load(id: string, budget: Budget): Promise<FoundItem> {
    const known = modules.get(id);
    if (known) return known;
    const module = await retrying(
      `looking for the module ${id}`,
      budget,
      async () => {
        const { items } = await readPage(index, { ids: [id] }, { first: 1 }, budget);
        if (items[0]) return items[0];
        throw moduleUnknown(id, index.url);
      },
      backoff,
    );
    if (!(lua && isLua(module))) assertModule(module);
    know(module);
    return module;
  }
  return { load, know };
}

function moduleUnknown(id: string, url: string): UnitError {
  return new UnitError(
    {
      code: "MODULE_UNKNOWN",
      what: `The gateway at ${url} does not know the module ${id}.`,
      got: "no such item",
      expected: "a published AO module",
      remedy:
        "Check `module` in the stack's settings; the index shows a newly published module after some minutes.",
    },
    "transient",
  );
}

const isLua = ({ tags }: FoundItem): boolean =>
  Object.entries(tags).some(
    ([name, value]) =>
      name.toLowerCase() === "content-type" && value.split(";", 1)[0]?.trim().toLowerCase() === LUA_TYPE,
  );

function assertModule({ id, tags }: FoundItem): void {
  if (tags["Data-Protocol"] === "ao" && tags.Type === "Module") return;
  throw new FleetError({
    code: "MODULE_INVALID",
    what: `${id} is not an AO module.`,
    got: `Data-Protocol ${tags["Data-Protocol"] ?? "none"}, Type ${tags.Type ?? "none"}`,
    expected: "an item with the tags Data-Protocol: ao and Type: Module",
    remedy: "Set `module` to the id of a module such as an aos image.",
  });
}
