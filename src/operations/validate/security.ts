import { randomUUID } from "node:crypto";
import type { Ao } from "../../ao/port.ts";
import { amount } from "../../core/amount.ts";
import { NO_LIBRARY } from "../../fleet/health/bare.ts";
import { probe } from "../../fleet/health/probe.ts";
import type { Member } from "../../fleet/members/member.ts";
import { info } from "../../fleet/protocol/info.ts";
import { attempt, forgedEpochs, hostileData, strangersAttacks } from "./attacks.ts";
import { withStranger } from "./stranger.ts";
import { each, Findings, type Found, hasNoLibrary, patienceOf, type Subject, wordsOf } from "./subject.ts";

/**
 * Security: strangers try every control action, pretend to be others and send code; epochs are forged; a message is sent again; data is
 * hostile. Nothing of it does harm where it succeeds. Then no secret may be in state, manifests, releases, journals and logs.
 */
export async function validateSecurity(
  subject: Subject,
  secrets: (findings: Findings) => Promise<void>,
): Promise<Found> {
  const findings = new Findings("security");
  await secrets(findings);
  await withStranger(subject.fleet, (stranger) =>
    each(subject.members, AT_ONCE, (member) => look(subject, stranger, member, findings)),
  );
  return { findings: findings.all };
}

/** Processes attacked at once: the attacks on one come one by one. */
const AT_ONCE = 4;

async function look(subject: Subject, stranger: Ao, member: Member, findings: Findings): Promise<void> {
  const { name } = member;
  try {
    if (hasNoLibrary(subject, name)) {
      findings.add(name, "strangers", "SKIP", NO_LIBRARY);
      return await strangersCode(subject, stranger, member, findings);
    }
    const { owner, epoch = 0 } = await info(subject.fleet.session, member, patienceOf(subject), "owner");
    await strangers(subject, stranger, member, owner ?? "", findings);
    await strangersCode(subject, stranger, member, findings);
    await epochs(subject, member, epoch, findings);
    await replay(subject, member, findings);
    await hostile(subject, stranger, member, findings);
  } catch (error) {
    findings.add(name, "answers", "FAIL", wordsOf(error));
  }
}

async function strangers(
  subject: Subject,
  stranger: Ao,
  member: Member,
  owner: string,
  findings: Findings,
): Promise<void> {
  const attacks = strangersAttacks(
    member.name === subject.fleet.ledger,
    owner || subject.fleet.session.ao.address,
  );
  const let_: string[] = [];
  for (const attack of attacks) {
    const { code } = await attempt(stranger, member.processId, attack, patienceOf(subject));
    if (!attack.refusals.includes(code)) let_.push(`${attack.name}: ${code}`);
  }
  const detail =
    let_.length === 0
      ? `${attacks.length} actions are FORBIDDEN to strangers`
      : `not FORBIDDEN to strangers: ${let_.join(", ")}`;
  findings.judge(member.name, "strangers", let_.length === 0, detail);
}

/** Only the owner's Eval is run; a stranger's lands in the inbox or nowhere. */
async function strangersCode(
  subject: Subject,
  stranger: Ao,
  member: Member,
  findings: Findings,
): Promise<void> {
  const proof = `ran-${randomUUID().slice(0, 8)}`;
  const [before, after] = [proof.slice(0, 4), proof.slice(4)];
  // Put together by the code itself, so that an echo of the message is no proof.
  const code = { action: "Eval", data: `return "${before}" .. "${after}"` };
  const { evaluation } = await attempt(stranger, member.processId, code, patienceOf(subject));
  const ran = evaluation.output.includes(proof);
  findings.judge(
    member.name,
    "code",
    !ran,
    ran ? "it ran a stranger's Eval" : "a stranger's Eval is not run",
  );
}

/** Control messages of no run are refused, also when the owner signs them. */
async function epochs(subject: Subject, member: Member, current: number, findings: Findings): Promise<void> {
  const { ao } = subject.fleet.session;
  const taken: string[] = [];
  const forged = [undefined, ...forgedEpochs(current)];
  for (const epoch of forged) {
    const message = { action: "RESUME", tags: epoch === undefined ? {} : { Epoch: epoch } };
    const { code } = await attempt(ao, member.processId, message, patienceOf(subject));
    if (code !== "STALE_EPOCH") taken.push(`${epoch === undefined ? "none" : `"${epoch}"`}: ${code}`);
  }
  const detail =
    taken.length === 0
      ? `${amount(forged.length, "forged epoch is", "forged epochs are")} refused, ${current} is the current one`
      : `not refused as STALE_EPOCH: ${taken.join(", ")}`;
  findings.judge(member.name, "epochs", taken.length === 0, detail);
}

/** Slots that are looked through for a message that was sent twice. */
const REACH = 100;

/** The same signed bytes, posted twice, are one message. */
async function replay(subject: Subject, member: Member, findings: Findings): Promise<void> {
  const { ao } = subject.fleet.session;
  const { processId, name } = member;
  const budget = patienceOf(subject);
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
  const seen = await subject.history.range(processId, Math.max(0, latest - REACH), latest);
  const times = seen.filter(({ messageId }) => messageId === first.id).length;
  const good = times === 1 && second.id === first.id;
  findings.judge(
    name,
    "replay",
    good,
    `a message posted twice is in its order ${times === 1 ? "once" : amount(times, "time")}`,
  );
}

async function hostile(subject: Subject, stranger: Ao, member: Member, findings: Findings): Promise<void> {
  const odd: string[] = [];
  const attacks = hostileData();
  for (const attack of attacks) {
    const { code } = await attempt(stranger, member.processId, attack, patienceOf(subject));
    if (!attack.refusals.includes(code)) odd.push(`${attack.name}: ${code}`);
  }
  const detail =
    odd.length === 0
      ? `${attacks.length} kinds of hostile data are refused with a code`
      : `not refused as it should be: ${odd.join(", ")}`;
  findings.judge(member.name, "injection", odd.length === 0, detail);
  const verdict = await probe(subject.fleet.session, member, "LIVENESS", {}, patienceOf(subject));
  const alive = verdict.healthStatus !== "UNHEALTHY";
  findings.judge(member.name, "survives", alive, `is ${verdict.healthStatus} after all of it`);
}
