/** Exports and imports a process' state in parts. */
import { expect } from "vitest";
import { FLEET_REQUEST } from "../../src/core/fleet-actions.ts";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import { type PartsHeader, partsOf, runningDigest, StateParts } from "../../src/fleet/snapshot/parts.ts";
import type { Aos } from "./aos.ts";

interface PartReply {
  readonly id: string;
  readonly n: number;
  readonly text: string;
  readonly digest: string;
  readonly chain: string;
  readonly isLast: boolean;
  readonly header?: PartsHeader;
}

export const ask = async (p: Aos, n: number, id = "") =>
  (await p.send({ Action: "EXPORT_STATE", ...FLEET_REQUEST, Data: { whole: true, part: { n, id } } })).reply
    ?.data as { part?: PartReply; error?: { code: string }; state?: object; digest?: string } | undefined;

export async function inParts(p: Aos) {
  const all = new StateParts();
  let [chain, header, id] = ["", undefined as PartsHeader | undefined, ""];
  const sizes: number[] = [];
  for (let n = 1; ; n++) {
    const part = (await ask(p, n, id))?.part;
    if (!part) throw new Error(`no part ${n}`);
    chain = runningDigest(chain, sha256(part.text));
    expect([part.n, part.chain]).toEqual([n, chain]);
    all.add(part.text);
    header ??= part.header;
    id = part.id;
    sizes.push(part.text.length);
    if (part.isLast) break;
  }
  const state = all.state(header as PartsHeader);
  return { state, digest: sha256(canonicalJson(state)), sizes };
}

export const send = (p: Aos, part: object) => p.send({ Action: "IMPORT_STATE", Epoch: "1", Data: { part } });
export const headerOf = (state: Record<string, unknown>) => ({
  schema: state.schema,
  stateVersion: state.stateVersion,
  hasGlobals: state.globals !== undefined,
});

export async function fill(p: Aos, state: Record<string, unknown>, id = "a") {
  let chain = "";
  for (const part of partsOf(state)) {
    const reply = (await send(p, { ...part, id, header: headerOf(state) })).reply?.data;
    chain = runningDigest(chain, part.digest);
    expect(reply).toEqual({ success: true, part: { n: part.n, chain, isLast: part.isLast } });
  }
}
