/** A restore that failed and is repeated, against a process that holds one state. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { budgetOf } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { canonicalJson, sha256 } from "../../src/core/hash.ts";
import type { FleetSession } from "../../src/fleet/fleet-session.ts";
import { snapshotStore } from "../../src/fleet/snapshot/store.ts";
import { takeSnapshot } from "../../src/fleet/snapshot/take.ts";
import { snapshotsFor } from "../../src/operations/backup/find.ts";
import { planLines, planRestores } from "../../src/operations/backup/newer-states.ts";
import { restoreStates } from "../../src/operations/backup/restore.ts";
import { fakeAo, fakeFleet, fleet as fleetCommand, HASH, member, projectFolder } from "../cli/fakes.ts";
import { temporaryFolder } from "../kit/folder.ts";

const BACKUP = { reason: "backup", sourceHash: HASH, deploymentId: "backup-1" } as const;
const notes = member("notes");

/** A fleet whose process has a backup of "good", and holds "bad" now. `onImport` is called instead of the next imports. */
async function broken(...onImport: ((good: object) => object)[]) {
  const stateOf = (text: string) => ({ stateVersion: "1", states: { notes: { text } }, globals: {} });
  let state: object = stateOf("good");
  const ao = fakeAo(({ action, data }) => {
    if (action === "Info") return { reply: { success: true, epoch: 3, sourceHash: HASH } };
    if (action === "IMPORT_STATE") {
      const sent = JSON.parse(data) as { state: object; digest: string };
      state = onImport.shift()?.(sent.state) ?? sent.state;
      return { reply: { success: true, digest: sent.digest } };
    }
    const globals = { carried: [], left: [], unknown: [], waiting: 0 };
    return { reply: { success: true, digest: sha256(canonicalJson(state)), slot: 1, state, globals } };
  });
  const known = fakeFleet(ao, [notes]);
  const home = temporaryFolder("restore-again");
  const scope = { project: "ao-fleet", stack: "dev", home, build: join(home, "build") };
  const fleet = { ...known, session: { ...known.session, scope } } as FleetSession;
  const { digest } = await takeSnapshot(fleet.session, notes, BACKUP, budgetOf(60));
  state = stateOf("bad");
  const restore = async (which: { digest?: string } = {}) => {
    const lines: string[] = [];
    const wanted = await planRestores(fleet, await snapshotsFor(fleet, [notes], which));
    const done = await restoreStates(fleet, wanted, (line) => lines.push(line));
    return { done, plan: wanted.flatMap(planLines), lines };
  };
  const reasons = async () => (await snapshotStore(scope).list("notes")).map(({ reason }) => reason).sort();
  const sent = () => ao.sent.map(({ tags }) => tags.Action);
  return {
    fleet,
    sent,
    digest,
    restore,
    reasons,
    held: () => state,
    good: stateOf("good"),
    bad: stateOf("bad"),
  };
}

const down = () => {
  const problem = { code: "UNIT_SLOW", what: "The unit did not answer in time.", remedy: "Wait." };
  throw new FleetError(problem, { transient: true });
};

test.each([
  ["an import that timed out", down, "UNIT_SLOW", "bad"],
  ["a message in the meantime", (good: object) => ({ ...good, states: {} }), "STATE_DIFFERS", undefined],
] as const)(
  "after %s the same command restores the same backup, which the error names",
  async (_name, fault, code, after) => {
    const { digest, restore, reasons, held, good, bad } = await broken(fault);
    const again = `To restore the state again: npx fleet restore notes --digest ${digest.slice(0, 12)}`;
    await expect(restore()).rejects.toMatchObject({
      code,
      transient: after !== undefined,
      problems: [{ remedy: expect.stringContaining(again) }],
    });
    if (after !== undefined) expect(held()).toEqual(bad);
    // Only the state before it was saved: what a failed restore left is nobody's backup.
    expect(await reasons()).toEqual(["backup", "restore"]);
    const { done } = await restore();
    expect(done).toMatchObject([{ digest, equal: true }]);
    expect(held()).toEqual(good);
  },
);

test("a restore is undone by the digest of the state before it, and never by the command without one", async () => {
  const { digest, restore, held, good, bad } = await broken();
  const [first] = (await restore()).done;
  expect(held()).toEqual(good);
  const undone = await restore({ digest: first?.kept ?? "" });
  expect(undone.done).toMatchObject([{ digest: first?.kept, equal: true }]);
  expect(held()).toEqual(bad);
  expect((await restore()).done).toMatchObject([{ digest }]);
  expect(held()).toEqual(good);
});

test("a state that is not in the backup, and that the process cannot reset, stays and is named", async () => {
  const { digest, restore, held } = await broken((good) => ({
    ...good,
    states: { notes: { text: "good" }, newer: { n: 1 } },
  }));
  const { done, plan, lines } = await restore();
  expect(plan).toEqual([
    "notes: states that are not in this backup stay as they are: the library in the process cannot reset them",
  ]);
  expect(done).toMatchObject([{ digest, equal: true, reset: [], left: ["newer"] }]);
  expect(lines).toContainEqual(
    "  newer: not in the backup and not changed: the library's own, or no default is known",
  );
  expect(held()).toMatchObject({ states: { newer: { n: 1 } } });
});

test("a person who answers no changes nothing, and one who answers yes restores", async () => {
  const { fleet, sent, reasons, held, good, bad } = await broken();
  const answer = (confirm: boolean) => {
    const cwd = projectFolder();
    const host = { cwd, fleet, confirm, tty: true, backend: `file://${cwd}` };
    return fleetCommand(["restore", "notes", "--json"], host);
  };
  const no = await answer(false);
  expect([no.code, no.json()]).toEqual([0, { success: true, stack: "dev", declined: true }]);
  expect(no.stderr).toContain("Nothing was changed.");
  expect(sent()).not.toContain("IMPORT_STATE");
  expect([held(), await reasons()]).toEqual([bad, ["backup"]]);
  const yes = await answer(true);
  expect([yes.code, yes.json()]).toMatchObject([0, { restored: [{ member: "notes", equal: true }] }]);
  expect(held()).toEqual(good);
});
