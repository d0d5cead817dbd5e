import type { Intent } from "../../ao/journal/index.ts";
import type { LedgerRun } from "../rollback/ledger.ts";

/** What an audit says. `problem`: two records contradict each other; `note`: something that a person should know. */
export interface AuditFinding {
  readonly level: "ok" | "note" | "problem";
  /** Stable, upper snake. */
  readonly code: string;
  /** Member that it is about, or `fleet`. */
  readonly about: string;
  readonly what: string;
}

/** A message in the order of a process. */
export interface Seen {
  readonly messageId: string;
  readonly action: string;
  readonly from: string;
  readonly slot: number;
}

/** An entry of a process' own audit. */
export interface OwnEntry {
  readonly at: number;
  readonly from: string;
  readonly action: string;
  readonly outcome: string;
  readonly code?: string | undefined;
  readonly count: number;
}

export interface Member {
  readonly name: string;
  readonly processId: string;
  /** The newest messages; undefined when they could not be read. */
  readonly messages?: readonly Seen[];
  /** Its own audit; undefined when it could not be read. */
  readonly entries?: readonly OwnEntry[];
  /** Who may change it beside its owner. */
  readonly allowed?: readonly string[];
}

/** Everything that is known of who did what, from four sides. */
export interface Sources {
  /** Address of the stack's wallet. */
  readonly owner: string;
  /** Runs as the ledger has them; undefined where the fleet has no ledger. */
  readonly runs?: readonly LedgerRun[];
  /** Process ids that are registered in the ledger. */
  readonly registered?: readonly string[];
  /** What this machine signed: the deployments' journal and the command line's. */
  readonly journal: readonly Intent[];
  /** Releases that are kept on this machine. */
  readonly releases: readonly { readonly deploymentId: string; readonly releaseHash: string }[];
  readonly members: readonly Member[];
  /** Now, milliseconds since 1970. */
  readonly now: number;
}

/** A run that goes on for longer is taken as dead. */
const LONG_MS = 6 * 3_600_000;

/** The ledger against the journal, the releases, the registrations and what processes saw themselves. Pure. */
export function audit(sources: Sources): AuditFinding[] {
  const findings = [
    ...releases(sources),
    ...runs(sources),
    ...epochs(sources),
    ...registrations(sources),
    ...spawns(sources),
    ...messages(sources),
    ...strangers(sources),
  ];
  const order = { problem: 0, note: 1, ok: 2 };
  return findings.sort((a, b) => order[a.level] - order[b.level]);
}

const say = (level: AuditFinding["level"], code: string, about: string, what: string): AuditFinding => ({
  level,
  code,
  about,
  what,
});

function releases({ runs, releases: kept }: Sources): AuditFinding[] {
  if (!runs) return [];
  const byId = new Map(runs.map((run) => [run.deploymentId, run]));
  const odd = kept.flatMap(({ deploymentId, releaseHash }) => {
    const run = byId.get(deploymentId);
    if (!run)
      return [
        say(
          "problem",
          "RELEASE_NOT_IN_LEDGER",
          "fleet",
          `the ledger does not know the release ${deploymentId} of this machine`,
        ),
      ];
    if (run.status !== "COMPLETED")
      return [
        say(
          "problem",
          "RELEASE_NOT_COMPLETED",
          "fleet",
          `the release ${deploymentId} of this machine is ${run.status} in the ledger`,
        ),
      ];
    if (run.releaseHash !== undefined && run.releaseHash !== releaseHash)
      return [
        say(
          "problem",
          "RELEASE_DIFFERS",
          "fleet",
          `the release ${deploymentId} has another hash in the ledger`,
        ),
      ];
    return [];
  });
  const ids = new Set(kept.map(({ deploymentId }) => deploymentId));
  const elsewhere = runs.filter(
    ({ status, deploymentId }) => status === "COMPLETED" && !ids.has(deploymentId),
  );
  const notes =
    elsewhere.length === 0
      ? []
      : [
          say(
            "note",
            "RELEASE_ELSEWHERE",
            "fleet",
            `${elsewhere.length} releases of the ledger are not on this machine: made elsewhere, or cleaned away`,
          ),
        ];
  const good = say(
    "ok",
    "RELEASES",
    "fleet",
    `${kept.length} releases of this machine are in the ledger as they are here`,
  );
  return [...odd, ...notes, ...(odd.length === 0 ? [good] : [])];
}

function runs({ runs, now }: Sources): AuditFinding[] {
  if (!runs)
    return [
      say(
        "note",
        "NO_LEDGER",
        "fleet",
        "the fleet keeps no ledger: its releases are known to this machine and the state alone",
      ),
    ];
  const dead = runs.filter(({ status, startedAt }) => status === "RUNNING" && now - startedAt > LONG_MS);
  const twice = runs.filter(
    ({ epoch }, index) => epoch !== undefined && runs.findIndex((other) => other.epoch === epoch) !== index,
  );
  return [
    ...dead.map(({ deploymentId }) =>
      say("note", "RUN_UNFINISHED", "fleet", `the run ${deploymentId} began and was never finished`),
    ),
    ...twice.map(({ deploymentId, epoch }) =>
      say(
        "problem",
        "EPOCH_TWICE",
        "fleet",
        `the run ${deploymentId} has the epoch ${epoch} of an earlier one`,
      ),
    ),
  ];
}

/** Every epoch with which this machine signed was given by the ledger. */
function epochs({ runs, journal }: Sources): AuditFinding[] {
  if (!runs) return [];
  const given = new Set(runs.map(({ epoch }) => epoch));
  const used = new Set(journal.flatMap(({ key }) => Number(/\/e(\d+)$/.exec(key)?.[1] ?? 0)));
  used.delete(0);
  const unknown = [...used].filter((epoch) => !given.has(epoch)).sort((a, b) => a - b);
  if (unknown.length > 0)
    return [
      say(
        "problem",
        "EPOCH_UNKNOWN",
        "fleet",
        `this machine signed with the epochs ${unknown.join(", ")}, which the ledger gave to nobody it remembers`,
      ),
    ];
  return used.size === 0
    ? []
    : [say("ok", "EPOCHS", "fleet", `${used.size} epochs of this machine's journal are the ledger's`)];
}

function registrations({ registered, members }: Sources): AuditFinding[] {
  if (!registered) return [];
  const missing = members.filter(({ processId }) => !registered.includes(processId));
  const stray = registered.filter((id) => !members.some(({ processId }) => processId === id));
  return [
    ...missing.map(({ name }) =>
      say("problem", "NOT_REGISTERED", name, "it is deployed, and not registered in the ledger"),
    ),
    ...stray.map((id) =>
      say("note", "REGISTERED_BESIDE", "fleet", `${id} is registered in the ledger, and no member now`),
    ),
    ...(missing.length === 0
      ? [say("ok", "REGISTRATIONS", "fleet", `${members.length} members are registered`)]
      : []),
  ];
}

/** Every process that this machine made is a member, or was retired. */
function spawns({ journal, members }: Sources): AuditFinding[] {
  const made = journal.filter(({ kind, state }) => kind === "spawn" && state !== "voided");
  const retired = new Set(journal.filter(({ key }) => key.includes("/RETIRE/")).map(({ target }) => target));
  const current = new Set(members.map(({ processId }) => processId));
  const lost = made.filter(({ id }) => !current.has(id) && !retired.has(id));
  return lost.map(({ id, key }) =>
    say(
      "note",
      "PROCESS_LEFT",
      key.split("/")[2] ?? "fleet",
      `the process ${id} was made, is no member and was not retired: kept warm, or lost`,
    ),
  );
}

/** What was read back is in the order of its process; what was not is still to be done. */
function messages({ journal, members }: Sources): AuditFinding[] {
  const own = new Set(journal.map(({ id }) => id));
  const findings: AuditFinding[] = [];
  const open = journal.filter(({ state }) => state === "signed" || state === "sent");
  if (open.length > 0)
    findings.push(
      say(
        "note",
        "INTENTS_OPEN",
        "fleet",
        `${open.length} signed messages were not read back yet; the next run goes on with them`,
      ),
    );
  let compared = 0;
  for (const { name, processId, messages: order } of members) {
    if (!order) {
      findings.push(say("note", "ORDER_UNREAD", name, "its messages could not be read"));
      continue;
    }
    const ids = new Set(order.map(({ messageId }) => messageId));
    const whole = order[0]?.slot === 0 || order[0]?.slot === 1;
    const settled = journal.filter(
      ({ target, state, kind }) => target === processId && state === "settled" && kind === "message",
    );
    const absent = settled.filter(({ id }) => !ids.has(id));
    compared += settled.length - absent.length;
    if (whole && absent.length > 0)
      findings.push(
        say(
          "problem",
          "MESSAGE_ABSENT",
          name,
          `${absent.length} messages that this machine read back are not in its order: ${absent[0]?.key}`,
        ),
      );
    const loads = order.filter(({ action, messageId }) => action === "Eval" && !own.has(messageId));
    if (loads.length > 0)
      findings.push(
        say(
          "note",
          "EVAL_ELSEWHERE",
          name,
          `${loads.length} Evals were not signed on this machine, the last at slot ${loads.at(-1)?.slot} by ${loads.at(-1)?.from}`,
        ),
      );
  }
  return [
    ...findings,
    say("ok", "MESSAGES", "fleet", `${compared} messages of the journal are in the order of their processes`),
  ];
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
              `${tries} messages of ${senders.length} strangers were refused: ${senders.slice(0, 3).join(", ")}${senders.length > 3 ? ", …" : ""}`,
            ),
          ]
        : []),
    ];
  });
}
