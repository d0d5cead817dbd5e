/** What `fleet move` prints: its plan, and what it has done. */
import { relative } from "node:path";
import { type MoveRecord, sideOf } from "../../fleet/move-record.ts";
import { contentsText, isEmpty } from "../../fleet/snapshot/contents.ts";
import { newIdsOf, newIdsPath } from "../../operations/move/finish.ts";
import type { MemberMove, MovePlan, Sides } from "../../operations/move/plan.ts";
import { readStackConfig } from "../../operations/workspace/stack-config.ts";
import { DEV } from "../../toolchain/paths.ts";
import type { Context } from "../command.ts";
import { EXIT, type ExitCode } from "../exit.ts";
import { table } from "../table.ts";

/** What a member carries, in words. */
function carriedWords({ carries, own }: MemberMove): string {
  if (carries === undefined) return own === "ledger" ? "its own (ledger)" : "its own (--without-state)";
  if (carries.given === undefined) return "a state that changes";
  return isEmpty(carries.given.contents) ? "no state" : contentsText(carries.given.contents);
}

/** Prints the plan. */
export function showPlan({ out }: Context, { source, target }: Sides, { members, warnings }: MovePlan): void {
  const network = (fleet: Sides["source"]) => {
    const { kind, protocol } = sideOf(fleet).network;
    return kind === protocol ? kind : `${kind}, ${protocol}`;
  };
  out.line(`From ${source.stack} (${network(source)}) to ${target.stack} (${network(target)}):`);
  const rows = members.map((member) => [
    member.name,
    member.from.processId,
    member.to.processId,
    carriedWords(member),
  ]);
  if (rows.length > 0)
    for (const line of table(["process", "old id", "new id", "state"], rows)) out.line(line);
  for (const warning of warnings) out.problem("note", warning, "warning: ");
}

/**
 * The plan as a document. Digests and slots are the present ones: the final ones are taken when the old processes are stopped. A state that
 * changed while it was read has none.
 */
export function planDocument({ source, target }: Sides, { members, warnings }: MovePlan): object {
  const processes = members.map(({ name, from, to, carries }) => {
    const ids = { from: from.processId, to: to.processId };
    if (carries === undefined) return [name, { ...ids, state: "own" }];
    if (carries.given === undefined) return [name, { ...ids, state: "carried" }];
    const { contents, digest, exported } = carries.given;
    if (isEmpty(contents)) return [name, { ...ids, state: "empty" }];
    return [name, { ...ids, state: "carried", digest, slot: exported.snapshot.slot, ...contents }];
  });
  return { from: sideOf(source), to: sideOf(target), processes: Object.fromEntries(processes), warnings };
}

/** Prints what a move has done, and where its callers find the new ids. */
export function showMoved({ out, projectDir }: Context, sides: Sides, record: MoveRecord): ExitCode {
  const { from, to, members } = record;
  const file = relative(projectDir, newIdsPath(sides));
  out.document({ success: true, ...newIdsOf(record), file });
  const rows = members.map(({ name, state, digest = "", slot, ...place }) => [
    name,
    place.from.processId,
    place.to.processId,
    state === "equal" ? "equal by digest" : state === "empty" ? "no state" : "its own",
    digest.slice(0, 12),
    slot === undefined ? "" : String(slot),
  ]);
  for (const line of table(["process", "old id", "new id", "state", "digest", "slot"], rows)) out.line(line);
  out.line(`The fleet serves in ${to.stack}. The new ids for its callers: ${file}`);
  for (const line of oldProcesses(projectDir, record)) out.line(line);
  // The dev stack's file belongs to one machine.
  const commit = from.stack === DEV ? "" : ": commit that file";
  out.line(`Deployments to ${from.stack} are refused (movedTo in Pulumi.${from.stack}.yaml)${commit}.`);
  return EXIT.ok;
}

/** What the old processes do, by the statuses that were read at the end. */
function oldProcesses(projectDir: string, { from: { stack }, members }: MoveRecord): string[] {
  const namesOf = (wanted: string) =>
    members.flatMap(({ name, status }) => (status === wanted ? [name] : []));
  const [kept, retired] = [namesOf("DRAINING"), namesOf("RETIRED")];
  const which = (names: readonly string[], others: readonly string[]) =>
    others.length === 0 ? "The old processes are" : `Of the old processes, ${names.join(", ")}:`;
  const isProtected = readStackConfig(projectDir, stack).get("protect") === "true";
  const unprotect = isProtected ? `npx pulumi state unprotect --all --stack ${stack}, then ` : "";
  return [
    ...(kept.length === 0
      ? []
      : [`${which(kept, retired)} kept: they refuse requests (DRAINING) and keep their state.`]),
    ...(retired.length === 0
      ? []
      : [
          `${which(retired, kept)} retired (GONE). To remove them from the state: ${unprotect}npx pulumi destroy --stack ${stack}`,
        ]),
  ];
}
