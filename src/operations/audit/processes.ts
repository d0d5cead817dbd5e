import { isOpenIntent } from "../../ao/journal/index.ts";
import { amount } from "../../core/amount.ts";
import { calledIn, parseKey } from "../../fleet/session/member-key.ts";
import { type AuditedMessage, type AuditFinding, auditFinding, type Sources } from "./sources.ts";

/** Compares what the processes received with what this machine signed, and names other senders. Pure. */
export const auditProcesses = (sources: Sources): AuditFinding[] => [
  ...spawns(sources),
  ...unread(sources),
  ...messages(sources),
  ...strangers(sources),
];

/** What could not be read. That is a problem if it could not be read of any process: then nothing was compared. */
function unread({ members }: Sources): AuditFinding[] {
  const levelOf = (isRead: (member: Sources["members"][number]) => boolean) =>
    members.some(isRead) ? "note" : "problem";
  const order = levelOf(({ messages }) => messages !== undefined);
  const own = levelOf(({ entries }) => entries !== undefined);
  return members.flatMap(({ name, unread: why }) => [
    ...(why?.order === undefined
      ? []
      : [auditFinding(order, "ORDER_UNREAD", name, `its messages could not be read: ${why.order}`)]),
    ...(why?.audit === undefined
      ? []
      : [auditFinding(own, "AUDIT_UNREAD", name, `its own audit could not be read: ${why.audit}`)]),
  ]);
}

/** Processes that this machine spawned and that are neither members, nor in the router's table, nor retired. */
export function leftIn({ journal, members, routed = [] }: Sources): Sources["journal"] {
  const made = journal.filter(({ kind, state }) => kind === "spawn" && state !== "voided");
  const retired = new Set(
    journal
      .filter(({ key }) => (parseKey(key)?.step ?? calledIn(key)) === "RETIRE")
      .map(({ target }) => target),
  );
  const current = new Set([...routed, ...members.map(({ processId }) => processId)]);
  return made.filter(({ id }) => !current.has(id) && !retired.has(id));
}

/** Every process that this machine spawned must be a member, be in the router's table, be held by the stack, or be retired. */
function spawns(sources: Sources): AuditFinding[] {
  const { ruined = [], held } = sources;
  return leftIn(sources).map(({ id, key }) => {
    const about = parseKey(key)?.name ?? "fleet";
    // A ruined process never evaluates a message again, so it cannot be retired.
    if (ruined.includes(id))
      return auditFinding("note", "PROCESS_RUINED", about, `the process ${id} is ruined and was replaced`);
    const isHeld = held?.includes(id);
    if (isHeld)
      return auditFinding(
        "note",
        "PROCESS_HELD",
        about,
        `the process ${id} is held by the stack without traffic`,
      );
    const why =
      isHeld === undefined
        ? "kept warm, or lost"
        : "the stack does not hold it: it was deployed from elsewhere, kept by retainOnDelete, or lost";
    return auditFinding(
      "note",
      "PROCESS_LEFT",
      about,
      `the process ${id} was spawned, is not a member and was not retired: ${why}`,
    );
  });
}

/** Every message that was read back must be among the scheduled messages of its process; the others are still open. */
function messages({ owner, journal, members }: Sources): AuditFinding[] {
  const own = new Set(journal.map(({ id }) => id));
  const findings: AuditFinding[] = [];
  const open = journal.filter(isOpenIntent);
  if (open.length > 0)
    findings.push(
      auditFinding(
        "note",
        "INTENTS_OPEN",
        "fleet",
        `${amount(open.length, "signed message was", "signed messages were")} not read back yet; the next run continues with ${open.length === 1 ? "it" : "them"}`,
      ),
    );
  let compared = 0;
  for (const member of members) {
    const one = orderOf(member, journal, own, owner);
    findings.push(...one.findings);
    compared += one.compared;
  }
  return [
    ...findings,
    auditFinding(
      "ok",
      "MESSAGES",
      "fleet",
      amount(
        compared,
        "message of the journal is scheduled at its process",
        "messages of the journal are scheduled at their processes",
      ),
    ),
  ];
}

/** Compares the scheduled messages of one process with the journal. Returns findings, and the number of messages in both. */
function orderOf(
  { name, processId, messages: order }: Sources["members"][number],
  journal: Sources["journal"],
  own: ReadonlySet<string>,
  owner: string,
): { findings: AuditFinding[]; compared: number } {
  const findings: AuditFinding[] = [];
  if (!order) return { findings, compared: 0 };
  const ids = new Set(order.map(({ messageId }) => messageId));
  const whole = order[0]?.slot === 0 || order[0]?.slot === 1;
  const settled = journal.filter(
    ({ target, state, kind }) => target === processId && state === "settled" && kind === "message",
  );
  const absent = settled.filter(({ id }) => !ids.has(id));
  if (whole && absent.length > 0)
    findings.push(
      auditFinding(
        "problem",
        "MESSAGE_ABSENT",
        name,
        `${amount(absent.length, "message that this machine read back is", "messages that this machine read back are")} not among its scheduled messages: ${absent[0]?.key}`,
      ),
    );
  // Read-only commands keep no journal: their health checks are recognized by their text.
  const isOurs = ({ messageId, from, isHealthCheck }: AuditedMessage) =>
    own.has(messageId) || (isHealthCheck === true && from === owner);
  const loads = order.filter((one) => one.action === "Eval" && !isOurs(one));
  const last = loads.at(-1);
  if (last)
    findings.push(
      auditFinding(
        "note",
        "EVAL_ELSEWHERE",
        name,
        `${amount(loads.length, "Eval was", "Evals were")} not signed on this machine; the last is at slot ${last.slot} by ${last.from}${last.claims === undefined ? "" : `, which claims to be ${last.claims}`}${last.sentTo === undefined ? "" : `, which sent it to ${last.sentTo}: it was only assigned to this process`}`,
      ),
    );
  return { findings, compared: settled.length - absent.length };
}

/** Only the owner, the deployers and the fleet itself may have changed anything; others who tried are named. */
function strangers({ owner, members }: Sources): AuditFinding[] {
  const fleet = new Set([owner, ...members.map(({ processId }) => processId)]);
  return members.flatMap(({ name, entries = [], allowed = [], strangersRefused = 0 }) => {
    const known = (from: string) => fleet.has(from) || allowed.includes(from);
    const accepted = entries.filter(({ outcome, from }) => outcome === "ok" && !known(from));
    const refused = entries.filter(({ outcome, from }) => outcome !== "ok" && !known(from));
    // Of many refusals the process keeps a sample, and counts all.
    const tries = Math.max(
      strangersRefused,
      refused.reduce((sum, { count }) => sum + count, 0),
    );
    const senders = [...new Set(refused.map(({ from }) => from))];
    return [
      ...accepted.map(({ from, action, at }) =>
        auditFinding(
          "problem",
          "CHANGED_BY_STRANGER",
          name,
          `${from} did ${action} at ${new Date(at).toISOString()}, and is not the owner, a deployer or a process of the fleet`,
        ),
      ),
      ...(tries > 0
        ? [
            auditFinding(
              "note",
              "STRANGERS_REFUSED",
              name,
              `${amount(tries, "message")} from ${amount(senders.length, "stranger")} ${tries === 1 ? "was" : "were"} refused: ${senders.slice(0, 3).join(", ")}${senders.length > 3 ? ", …" : ""}`,
            ),
          ]
        : []),
    ];
  });
}
