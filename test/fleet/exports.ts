/** Snapshots of a process on this machine, and exports of it on a network, for tests. */
import { join } from "node:path";
import type { Ao, FoundItem, Tags } from "../../src/ao/port.ts";
import { budgetOf } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import type { FleetSession } from "../../src/fleet/fleet-session.ts";
import { lastSnapshot } from "../../src/fleet/snapshot/find.ts";
import { runningDigest } from "../../src/fleet/snapshot/parts.ts";
import { type Snapshot, snapshotStore } from "../../src/fleet/snapshot/store.ts";
import { ADDRESS, fakeAo, fakeFleet, HASH, idOf, member } from "../cli/fakes.ts";
import { temporaryFolder } from "../kit/folder.ts";

export const notes = member("notes");
/** When the process got the message of a slot, and the time of its block. */
const timeOf = (slot: number) => Date.UTC(2026, 0, 1, 0, slot);
export const at = (slot: number) => new Date(timeOf(slot)).toISOString();
export const stateOf = (text: string) => ({ schema: 1, stateVersion: "1", states: { notes: { text } } });
export const digestOf = (text: string) => sha256(canonicalJson(stateOf(text)));
const unitDown = () => new FleetError({ code: "UNIT_DOWN", what: "The unit is down.", remedy: "" });

export interface Message {
  readonly slot: number;
  readonly reply?: object;
  readonly fails?: true;
  readonly tags?: Tags;
}
export const whole = (slot: number, text: string, tags: Tags = {}): Message => ({
  ...{ slot, tags },
  reply: { success: true, slot, state: stateOf(text), digest: digestOf(text) },
});
/** An export of `count` parts, whose last part has the text. */
export function inParts(slot: number, text: string, count: number): Message[] {
  let chain = "";
  return Array.from({ length: count }, (_, i) => {
    const isLast = i === count - 1;
    const part = isLast ? `[["s",["notes"],[["text","${text}"]]]]` : "[]";
    const digest = sha256(part);
    chain = runningDigest(chain, digest);
    const header = i === 0 ? { header: { schema: 1, stateVersion: "1", hasGlobals: false } } : {};
    const reply = { id: `export-${slot}`, n: i + 1, text: part, digest, chain, isLast, ...header };
    return { slot: slot + i, reply: { success: true, slot: slot + i, part: reply } };
  });
}

/** A machine with some snapshots, and a network with some messages. */
export async function search(
  local: readonly (readonly [slot: number, text: string])[],
  messages: readonly Message[] | "down",
) {
  const home = temporaryFolder("last-snapshot");
  const scope = { project: "ao-fleet", stack: "dev", home, build: join(home, "build") };
  const store = snapshotStore(scope);
  for (const [slot, text] of local) {
    const bytes = canonicalJson(stateOf(text));
    const known: Snapshot = {
      ...{
        member: "notes",
        processId: notes.processId,
        generation: 1,
        digest: sha256(bytes),
        slot,
        takenAt: at(slot),
      },
      ...{ reason: "backup", deploymentId: "d", sourceHash: HASH, stateVersion: "1", bytes: bytes.length },
    };
    await store.put(known, bytes);
  }
  const items = messages === "down" ? [] : [...messages].sort((a, b) => b.slot - a.slot);
  const asFound = ({ slot, tags }: Message): FoundItem => ({
    ...{ id: idOf(`slot-${slot}`), owner: ADDRESS, recipient: notes.processId, action: "EXPORT_STATE" },
    tags: { "Snapshot-Reason": "backup", "Deployment-Id": "d", "Source-Hash": HASH, ...tags },
    block: { height: slot, timestamp: timeOf(slot) / 1000 },
  });
  const read: number[] = [];
  const ao: Ao = {
    ...fakeAo(() => ({})),
    find: async ({ limit = 0, tags: { Action: _, ...tags } = {} }) => {
      if (messages === "down") throw unitDown();
      const fitting = items
        .map(asFound)
        .filter((item) =>
          Object.entries(tags).every(([name, value]) => [value].flat().includes(item.tags[name] ?? "")),
        );
      return fitting.slice(0, limit);
    },
    evaluation: async ({ messageId }) => {
      const message = items.find(({ slot }) => idOf(`slot-${slot}`) === messageId);
      if (message === undefined || message.fails) throw unitDown();
      read.push(message.slot);
      const tags = { Action: "EXPORT_STATE-Response" };
      const answers = message.reply ? [{ target: ADDRESS, tags, data: JSON.stringify(message.reply) }] : [];
      return { messageId, output: "", spawns: [], messages: answers };
    },
  };
  const known = fakeFleet(ao, [notes]);
  const fleet: FleetSession = { ...known, session: { ...known.session, scope } };
  const find = () => lastSnapshot(fleet.session, notes, HASH, budgetOf(60));
  return { find, fleet, home, store, read };
}
