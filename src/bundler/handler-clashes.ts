import type { Problem } from "../core/errors.ts";
import { FLEET_PREFIX, HANDLER_PREFIX } from "../core/fleet-actions.ts";
import type { GraphModule } from "./graph-module.ts";
import { lineOf, placeOf } from "./problems.ts";

/** Names under which aos registers its own handlers again at every message. */
const OF_AOS = new Set(["_eval", "_default"]);

/** Handlers of the program for actions that the prelude handles in every process: by name, or because they match every message. */
export function sharedActions(module: GraphModule, shared: readonly string[]): Problem[] {
  if (shared.length === 0) return [];
  return module.facts.handlers
    .filter(({ action, swallows }) => swallows || (action !== undefined && shared.includes(action)))
    .map((handler) => {
      const action = handler.swallows ? undefined : handler.action;
      const fleets = `${FLEET_PREFIX}${action ?? "<action>"}`;
      return {
        code: "LUA_ACTION_SHARED",
        what:
          action === undefined
            ? `${module.file} handles every message, also those of the actions that the fleet's library handles in every process, such as ${shared[0]}.`
            : `${module.file} handles ${action}, an action that the fleet's library handles in every process.`,
        got: `the handler ${JSON.stringify(handler.name ?? "?")}`,
        expected: `the program's handlers answer ${action ?? "these actions"}, the library what none of them takes; the library always answers ${fleets}`,
        remedy: `No change is required: the fleet's tools use ${fleets}. Silence the warning with the reason, or ${action === undefined ? "narrow the pattern" : "rename the action"}.`,
        at: placeOf(module, handler),
      };
    });
}

/** Handlers of the program under a name of the prelude's own. */
export function reservedHandlers(module: GraphModule, shared: readonly string[]): Problem[] {
  if (shared.length === 0) return [];
  return module.facts.handlers
    .filter(({ name }) => name?.startsWith(HANDLER_PREFIX))
    .map((handler) => ({
      code: "LUA_HANDLER_RESERVED",
      what: `${module.file} adds the handler ${JSON.stringify(handler.name)}, whose name belongs to the fleet's library.`,
      got: lineOf(module, handler),
      expected: `a name that does not start with ${HANDLER_PREFIX}: aos replaces a handler by another one of the same name`,
      remedy: "Rename the handler.",
      at: placeOf(module, handler),
    }));
}

/** Handlers of the program that aos replaces by its own at the next message. */
export function replacedHandlers(module: GraphModule): Problem[] {
  return module.facts.handlers
    .filter(({ name }) => name !== undefined && OF_AOS.has(name))
    .map((handler) => ({
      code: "LUA_HANDLER_OF_AOS",
      what: `${module.file} adds the handler ${JSON.stringify(handler.name)}, which aos replaces by its own handler of that name at every message.`,
      got: lineOf(module, handler),
      expected: "a name that aos does not use: this handler never runs",
      remedy: "Rename the handler.",
      at: placeOf(module, handler),
    }));
}
