import { z } from "zod";
import { isAddress } from "../../core/address.ts";
import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { UnitError, unitNotAo, unitRefused } from "../errors.ts";
import { type Backoff, retrying } from "../retry.ts";
import type { NodeClient } from "./node.ts";

/** What a node says of itself. */
export interface NodeIdentity {
  /** The address of its key, which signs what it schedules and delivers. */
  readonly address: string;
  /** Its program and version, such as `HyperBEAM 0.9 (a1b2c3d)`; undefined if it does not say. */
  readonly build?: string;
}

const BuildSchema = z.looseObject({
  node: z.string(),
  version: z.union([z.string(), z.number()]),
  "source-short": z.string().optional(),
});

/** Asks a node who it is, and what it runs. @throws FleetError as `addressOf` */
export async function identityOf(node: NodeClient, backoff: Backoff, budget: Budget): Promise<NodeIdentity> {
  const address = await addressOf(node, backoff, budget);
  const build = await retrying("reaching the node", budget, () => buildOf(node, budget), backoff);
  return build === undefined ? { address } : { address, build };
}

const ADDRESS = "/~meta@1.0/info/address";

/** The address that the node itself names now; undefined if only a proxy or a cache in front of it answers. A single attempt. */
export async function addressNow(node: NodeClient, budget: Budget): Promise<string | undefined> {
  const { ok, text, isCached } = await node.ask({ path: ADDRESS }, budget);
  const address = text.trim();
  return ok && !isCached && isAddress(address) ? address : undefined;
}

/** Whether the node itself answers now, and not only a proxy or a cache in front of it; a single attempt. */
export const answersItself = async (node: NodeClient, budget: Budget): Promise<boolean> =>
  (await addressNow(node, budget)) !== undefined;

/**
 * Asks a node for its address.
 *
 * @throws FleetError `UNIT_NOT_AO` if it is not a HyperBEAM node; transient errors while it does not answer
 */
function addressOf(node: NodeClient, backoff: Backoff, budget: Budget): Promise<string> {
  return retrying(
    "reaching the node",
    budget,
    async () => {
      const answer = await node.ask({ path: ADDRESS }, budget);
      if (answer.status >= 500) throw unitRefused("node", node.url, answer.status, answer.excerpt);
      const address = answer.text.trim();
      if (!answer.ok || !isAddress(address)) {
        // The address is a setting: after three wrong answers in a row it is the wrong server.
        throw new UnitError(
          {
            ...unitNotAo("node", node.url, `${answer.status} ${answer.excerpt}`).problems[0],
            expected: `its address as plain text at ${ADDRESS}`,
          },
          "doubtful",
        );
      }
      return address;
    },
    backoff,
  );
}

/** @throws FleetError NODE_CHANGED if the node has another address than the network names; as `addressOf` */
export async function lookAtNode(
  node: NodeClient,
  expected: string | undefined,
  backoff: Backoff,
  budget: Budget,
): Promise<string> {
  const address = await addressOf(node, backoff, budget);
  if (expected !== undefined && address !== expected) throw nodeChanged(node.url, expected, address);
  return address;
}

/**
 * `NODE_CHANGED`: the same at a preview and before a message is signed.
 *
 * @param known where the expected address is from
 */
export const nodeChanged = (
  url: string,
  expected: string,
  got: string,
  known: "pinned" | "in the stack's state" = "pinned",
): FleetError =>
  new FleetError(
    {
      code: "NODE_CHANGED",
      what: `The node at ${url} has another address than the one that is ${known}.`,
      got,
      expected,
      // Without an entry in the file, the address in the stack's state counts: `assertSameNode` in providers/process.
      remedy:
        "Check nodeUrl. Processes stay on the node that scheduled them. If the node has a new key, or this fleet has no process there, set its address, scheduler and authority in fleet.lock.json to the new address, and remove nodeAddress from the declaration.",
    },
    { isLocal: true },
  );

async function buildOf(node: NodeClient, budget: Budget): Promise<string | undefined> {
  const answer = await node.ask({ path: "/~meta@1.0/build" }, budget);
  const parsed = BuildSchema.safeParse(answer.json);
  if (!answer.ok || !parsed.success) return undefined;
  const { node: name, version, "source-short": source } = parsed.data;
  return `${name} ${version}${source === undefined ? "" : ` (${source})`}`;
}
