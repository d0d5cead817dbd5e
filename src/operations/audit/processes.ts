import { amount } from "../../core/amount.ts";
import { type AuditFinding, type Seen, type Sources, say } from "./sources.ts";

/** What processes saw against what this machine signed, and who else was there. Pure. */
export const audited = (sources: Sources): AuditFinding[] => [
  ...spawns(sources),
  ...messages(sources),
  ...strangers(sources),
];

/** Every process that this machine made is a member, is in the router's table, or was retired. */
function spawns({ journal, members, routed = [], ruined = [] }: Sources): AuditFinding[] {
  const made = journal.filter(({ kind, state }) => kind === "spawn" && state !== "voided");
  const retired = new Set(journal.filter(({ key }) => key.includes("/RETIRE/")).map(({ target }) => target));
  const current = new Set([...routed, ...members.map(({ processId }) => processId)]);
  const lost = made.filter(({ id }) => !current.has(id) && !retired.has(id));
  return lost.map(({ id, key }) => {
    const about = key.split("/")[2] ?? "fleet";
    // Nothing can retire it: it never evaluates a message again.
    if (ruined.includes(id))
      return say(
        "note",
        "PROCESS_RUINED",
        about,
        `the process ${id} is ruined, and another one took its place`,
      );
    return say(
      "note",
      "PROCESS_LEFT",
      about,
      `the process ${id} was made, is no member and was not retired: kept warm, or lost`,
    );
  });
}

/** What was read back is in the order of its process; what was not is still to be done. */
function messages({ owner, journal, members }: Sources): AuditFinding[] {
  const own = new Set(journal.map(({ id }) => id));
  const findings: AuditFinding[] = [];
  const open = journal.filter(({ state }) => state === "signed" || state === "sent");
  if (open.length > 0)
    findings.push(
      say(
        "note",
        "INTENTS_OPEN",
        "fleet",
        `${amount(open.length, "signed message was", "signed messages were")} not read back yet; the next run goes on with ${open.length === 1 ? "it" : "them"}`,
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
    say(
      "ok",
      "MESSAGES",
      "fleet",
      amount(
        compared,
        "message of the journal is in the order of its process",
        "messages of the journal are in the order of their processes",
      ),
    ),
  ];
}

/** The order of one process against the journal: findings, and how many messages are in both. */
function orderOf(
  { name, processId, messages: order }: Sources["members"][number],
  journal: Sources["journal"],
  own: ReadonlySet<string>,
  owner: string,
): { findings: AuditFinding[]; compared: number } {
  const findings: AuditFinding[] = [];
  if (!order) {
    findings.push(say("note", "ORDER_UNREAD", name, "its messages could not be read"));
    return { findings, compared: 0 };
  }
  const ids = new Set(order.map(({ messageId }) => messageId));
  const whole = order[0]?.slot === 0 || order[0]?.slot === 1;
  const settled = journal.filter(
    ({ target, state, kind }) => target === processId && state === "settled" && kind === "message",
  );
  const absent = settled.filter(({ id }) => !ids.has(id));
  if (whole && absent.length > 0)
    findings.push(
      say(
        "problem",
        "MESSAGE_ABSENT",
        name,
        `${amount(absent.length, "message that this machine read back is", "messages that this machine read back are")} not in its order: ${absent[0]?.key}`,
      ),
    );
  // Commands that only look keep no journal: their health checks are known by what they are.
  const isOurs = ({ messageId, from, isHealthCheck }: Seen) =>
    own.has(messageId) || (isHealthCheck === true && from === owner);
  const loads = order.filter((one) => one.action === "Eval" && !isOurs(one));
  if (loads.length > 0)
    findings.push(
      say(
        "note",
        "EVAL_ELSEWHERE",
        name,
        `${amount(loads.length, "Eval was", "Evals were")} not signed on this machine, the last at slot ${loads.at(-1)?.slot} by ${loads.at(-1)?.from}`,
      ),
    );
  return { findings, compared: settled.length - absent.length };
}

/** Nobody but the owner, deployers and the fleet itself changed anything; who tried is named. */
function strangers({ owner, members }: Sources): AuditFinding[] {
  const fleet = new Set([owner, ...members.map(({ processId }) => processId)]);
  return members.flatMap(({ name, entries = [], allowed = [] }) => {
    const known = (from: string) => fleet.has(from) || allowed.includes(from);
    const accepted = entries.filter(({ outcome, from }) => outcome === "ok" && !known(from));
    const refused = entries.filter(({ outcome, from }) => outcome !== "ok" && !known(from));
    const tries = refused.reduce((sum, { count }) => sum + count, 0);
    const senders = [...new Set(refused.map(({ from }) => from))];
    return [
      ...accepted.map(({ from, action, at }) =>
        say(
          "problem",
          "CHANGED_BY_STRANGER",
          name,
          `${from} did ${action} at ${new Date(at).toISOString()}, and is neither owner nor deployer nor of the fleet`,
        ),
      ),
      ...(tries > 0
        ? [
            say(
              "note",
              "STRANGERS_REFUSED",
              name,
              `${amount(tries, "message")} of ${amount(senders.length, "stranger")} ${tries === 1 ? "was" : "were"} refused: ${senders.slice(0, 3).join(", ")}${senders.length > 3 ? ", …" : ""}`,
            ),
          ]
        : []),
    ];
  });
}
