import type { Budget } from "../../core/budget.ts";
import { LUA_TYPE } from "../../core/devices.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import { UnitError } from "../errors.ts";
import type { NodeAnswer, NodeClient } from "./node.ts";

/**
 * Asks a node for a module that the gateway knows. A process of a module that the node cannot load is scheduled like any other, and never
 * evaluates a message.
 *
 * @returns a warning if the node does not tell
 * @throws FleetError MODULE_NOT_ON_NODE
 */
export async function lookAtModule(node: NodeClient, id: string, budget: Budget): Promise<Problem[]> {
  try {
    // One tag of it: its bytes are large, and not all nodes can write them as JSON.
    const tag = await node.ask({ path: `/${id}/type` }, budget);
    if (tag.ok && isModule(tag)) return [];
    // A module in Lua needs no other tag.
    const type = tag.status === 404 ? await node.ask({ path: `/${id}/content-type` }, budget) : tag;
    if (type.ok && isLua(type)) return [];
    // The item may be there without the tag at this path.
    const item = tag.status === 404 ? await node.ask({ path: `/${id}` }, budget) : tag;
    if (item.status === 404) throw notOnNode(node.url, id);
    return [unchecked(node.url, id, `${item.status} ${item.excerpt}`.trim())];
  } catch (error) {
    if (error instanceof UnitError) return [unchecked(node.url, id, error.problems[0].got ?? error.code)];
    throw error;
  }
}

/** The tag in an answer: it stands as it is, or as the body of a message. */
export function tagIn({ text, json }: NodeAnswer): string {
  const body = (json as { body?: unknown } | undefined)?.body ?? json;
  return typeof body === "string" ? body : text.trim();
}

const isModule = (answer: NodeAnswer): boolean => tagIn(answer) === "Module";

const isLua = (answer: NodeAnswer): boolean => tagIn(answer).split(";", 1)[0]?.trim() === LUA_TYPE;

const notOnNode = (url: string, id: string) =>
  new FleetError({
    code: "MODULE_NOT_ON_NODE",
    what: `The node at ${url} does not have the module ${id} and cannot fetch it.`,
    at: "module",
    got: "no such item, although the gateway has it",
    expected: "a module that the node can load: without it, processes are spawned and never run",
    remedy:
      "Declare a module that runs on this node, or use another node. A new module takes minutes to reach the gateways of nodes. If the node's compute unit loads modules from elsewhere: pulumi up --skip-preview.",
  });

const unchecked = (url: string, id: string, got: string): Problem => ({
  code: "MODULE_UNCHECKED",
  what: `The node at ${url} does not tell whether it can load the module ${id}.`,
  at: "module",
  got,
  expected: "the module's type",
  remedy:
    "Deploy to a staging stack on this node first: a process of a module that cannot be loaded never runs.",
});
