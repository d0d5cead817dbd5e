import { randomUUID } from "node:crypto";
import type { Ao } from "../../ao/port.ts";
import { amount } from "../../core/amount.ts";
import { mapConcurrently } from "../../core/concurrently.ts";
import { probe } from "../../fleet/health/probe.ts";
import { NO_LIBRARY_REASON } from "../../fleet/health/without-library.ts";
import type { Member } from "../../fleet/members/member.ts";
import { type Info, info } from "../../fleet/protocol/info.ts";
import {
  attempt,
  forgedEpochs,
  hostileData,
  judgeRoles,
  judgeRules,
  ruledAttacks,
  strangersAttacks,
} from "./attacks.ts";
import { floods } from "./floods.ts";
import { withStranger } from "./stranger.ts";
import {
  answerBudget,
  describeError,
  Findings,
  hasNoLibrary,
  type Subject,
  type ValidationResult,
} from "./subject.ts";
import { validationFileIn } from "./validation-file.ts";

/**
 * Validates security: a stranger tries every control action, impersonates others, sends code and hostile data; epochs are forged; a message
 * is replayed; a stranger floods. No attack does harm if it succeeds. State, manifests, releases, journals and logs are scanned for secrets.
 */
export async function validateSecurity(
  subject: Subject,
  secrets: (findings: Findings) => Promise<void>,
): Promise<ValidationResult> {
  const findings = new Findings("security");
  await secrets(findings);
  await withStranger(subject.fleet, (stranger) =>
    mapConcurrently(subject.members, MAX_CONCURRENT, (member) =>
      checkMember(subject, stranger, member, findings),
    ),
  );
  return { findings: findings.all };
}

/** Processes attacked at the same time; each process gets one attack after the other. */
const MAX_CONCURRENT = 4;

async function checkMember(
  subject: Subject,
  stranger: Ao,
  member: Member,
  findings: Findings,
): Promise<void> {
  const { name } = member;
  try {
    if (hasNoLibrary(subject, name)) {
      findings.add(name, "strangers", "SKIP", NO_LIBRARY_REASON);
      return await strangersCode(subject, stranger, member, findings);
    }
    const own = await info(subject.fleet.session, member, answerBudget(subject), "owner");
    await strangers(subject, stranger, member, own, findings);
    await strangersCode(subject, stranger, member, findings);
    await epochs(subject, member, own.epoch ?? 0, findings);
    await replay(subject, member, findings);
    await floods({ subject, stranger, member, own }, findings);
    await hostile(subject, stranger, member, findings);
  } catch (error) {
    findings.add(name, "answers", "FAIL", describeError(error));
  }
}

async function strangers(
  subject: Subject,
  stranger: Ao,
  member: Member,
  own: Info<"owner">,
  findings: Findings,
): Promise<void> {
  const attacks = strangersAttacks(
    member.name === subject.fleet.ledger,
    own.owner || subject.fleet.session.ao.address,
    own,
  );
  const tried = async ({ name: action, ...attack }: (typeof attacks)[number]) => {
    const { code } = await attempt(stranger, member.processId, attack, answerBudget(subject));
    return { action, code, refusals: attack.refusals };
  };
  const byRole: Awaited<ReturnType<typeof tried>>[] = [];
  for (const attack of attacks) byRole.push(await tried(attack));
  const roles = judgeRoles(byRole);
  findings.add(member.name, "strangers", roles.status, roles.detail);
  const byRule: typeof byRole = [];
  for (const attack of ruledAttacks(own)) byRule.push(await tried(attack));
  if (byRule.length === 0) return;
  const rules = judgeRules(byRule, validationFileIn(subject.projectDir).open[member.name] ?? []);
  findings.add(member.name, "rules", rules.status, rules.detail);
}

/** A process must run only its owner's Eval; a stranger's goes to the inbox or is dropped. */
async function strangersCode(
  subject: Subject,
  stranger: Ao,
  member: Member,
  findings: Findings,
): Promise<void> {
  const proof = `ran-${randomUUID().slice(0, 8)}`;
  const [before, after] = [proof.slice(0, 4), proof.slice(4)];
  // The code concatenates the two parts, so that an echo of the message does not count as proof.
  const code = { action: "Eval", data: `return "${before}" .. "${after}"` };
  const { evaluation } = await attempt(stranger, member.processId, code, answerBudget(subject));
  const ran = evaluation.output.includes(proof);
  findings.judge(
    member.name,
    "code",
    !ran,
    ran ? "it ran a stranger's Eval" : "it does not run a stranger's Eval",
  );
}

/** Control messages with a forged epoch must be refused, even if the owner signs them. */
async function epochs(subject: Subject, member: Member, current: number, findings: Findings): Promise<void> {
  const { ao } = subject.fleet.session;
  const taken: string[] = [];
  const forged = [undefined, ...forgedEpochs(current)];
  for (const epoch of forged) {
    const message = { action: "RESUME", tags: epoch === undefined ? {} : { Epoch: epoch } };
    const { code } = await attempt(ao, member.processId, message, answerBudget(subject));
    if (code !== "STALE_EPOCH") taken.push(`${epoch === undefined ? "none" : `"${epoch}"`}: ${code}`);
  }
  const detail =
    taken.length === 0
      ? `${amount(forged.length, "forged epoch is", "forged epochs are")} refused, ${current} is the current one`
      : `not refused as STALE_EPOCH: ${taken.join(", ")}`;
  findings.judge(member.name, "epochs", taken.length === 0, detail);
}

/** Slots to search for a message that was posted twice. */
const REPLAY_SLOTS = 100;

/** The same signed bytes, posted twice, must count as one message. */
async function replay(subject: Subject, member: Member, findings: Findings): Promise<void> {
  const { ao } = subject.fleet.session;
  const { processId, name } = member;
  const budget = answerBudget(subject);
  const intent = `validate/${processId}/replay/${randomUUID()}`;
  const message = {
    intent,
    processId,
    tags: { Action: "GET_STATISTICS", "Correlation-Id": intent },
    data: "{}",
  };
  const first = await ao.send(message, budget);
  const second = await ao.send(message, budget);
  await ao.evaluation({ processId, messageId: first.id }, budget);
  await ao.settle(intent);
  const latest = (await subject.history.latest(processId)) ?? 0;
  const seen = await subject.history.range(processId, Math.max(0, latest - REPLAY_SLOTS), latest);
  const times = seen.filter(({ messageId }) => messageId === first.id).length;
  const good = times === 1 && second.id === first.id;
  findings.judge(
    name,
    "replay",
    good,
    `a message that was posted twice is scheduled ${times === 1 ? "once" : amount(times, "time")}`,
  );
}

async function hostile(subject: Subject, stranger: Ao, member: Member, findings: Findings): Promise<void> {
  const odd: string[] = [];
  const attacks = hostileData();
  for (const attack of attacks) {
    const { code } = await attempt(stranger, member.processId, attack, answerBudget(subject));
    if (!attack.refusals.includes(code)) odd.push(`${attack.name}: ${code}`);
  }
  const detail =
    odd.length === 0
      ? `${attacks.length} kinds of hostile data are refused with a code`
      : `not refused as expected: ${odd.join(", ")}`;
  findings.judge(member.name, "injection", odd.length === 0, detail);
  const verdict = await probe(subject.fleet.session, member, "LIVENESS", {}, answerBudget(subject));
  const alive = verdict.healthStatus !== "UNHEALTHY";
  findings.judge(member.name, "survives", alive, `is ${verdict.healthStatus} after the attacks`);
}
