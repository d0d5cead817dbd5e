import { amount } from "../../core/amount.ts";
import { parseKey } from "../../fleet/session/member-key.ts";
import { auditProcesses } from "./processes.ts";
import { type AuditFinding, auditFinding, type Sources } from "./sources.ts";

/** A run without an end after this time counts as dead. */
const LONG_MS = 6 * 3_600_000;

/** Compares the ledger with the journal, the releases, the registrations and the processes' own audits. Pure. */
export function audit(sources: Sources): AuditFinding[] {
  const findings = [
    ...releases(sources),
    ...runs(sources),
    ...epochs(sources),
    ...registrations(sources),
    ...auditProcesses(sources),
  ];
  const order = { problem: 0, note: 1, ok: 2 };
  return findings.sort((a, b) => order[a.level] - order[b.level]);
}

function releases({ runs, releases: kept }: Sources): AuditFinding[] {
  if (!runs) return [];
  const byId = new Map(runs.map((run) => [run.deploymentId, run]));
  const odd = kept.flatMap(({ deploymentId, releaseHash }) => {
    const run = byId.get(deploymentId);
    if (!run)
      return [
        auditFinding(
          "problem",
          "RELEASE_NOT_IN_LEDGER",
          "fleet",
          `the release ${deploymentId} of this machine is not in the ledger`,
        ),
      ];
    if (run.status !== "COMPLETED")
      return [
        auditFinding(
          "problem",
          "RELEASE_NOT_COMPLETED",
          "fleet",
          `the release ${deploymentId} of this machine is ${run.status} in the ledger`,
        ),
      ];
    if (run.releaseHash !== undefined && run.releaseHash !== releaseHash)
      return [
        auditFinding(
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
          auditFinding(
            "note",
            "RELEASE_ELSEWHERE",
            "fleet",
            `${amount(elsewhere.length, "release of the ledger is", "releases of the ledger are")} not on this machine: deployed elsewhere, or cleaned up`,
          ),
        ];
  const good = auditFinding(
    "ok",
    "RELEASES",
    "fleet",
    `${amount(kept.length, "release of this machine matches the ledger", "releases of this machine match the ledger")}`,
  );
  return [...odd, ...notes, ...(odd.length === 0 ? [good] : [])];
}

function runs({ runs, now }: Sources): AuditFinding[] {
  if (!runs)
    return [
      auditFinding(
        "note",
        "NO_LEDGER",
        "fleet",
        "the fleet has no ledger: only this machine and the stack's state know its releases",
      ),
    ];
  const dead = runs.filter(({ status, startedAt }) => status === "RUNNING" && now - startedAt > LONG_MS);
  const twice = runs.filter(
    ({ epoch }, index) => epoch !== undefined && runs.findIndex((other) => other.epoch === epoch) !== index,
  );
  return [
    ...dead.map(({ deploymentId }) =>
      auditFinding("note", "RUN_UNFINISHED", "fleet", `the run ${deploymentId} started and never finished`),
    ),
    ...twice.map(({ deploymentId, epoch }) =>
      auditFinding(
        "problem",
        "EPOCH_TWICE",
        "fleet",
        `the run ${deploymentId} has the epoch ${epoch} of an earlier one`,
      ),
    ),
  ];
}

/** Every epoch with which this machine signed must come from the ledger. */
function epochs({ runs, journal }: Sources): AuditFinding[] {
  if (!runs) return [];
  const given = new Set(runs.map(({ epoch }) => epoch));
  const used = new Set(journal.map(({ key }) => parseKey(key)?.epoch ?? 0));
  used.delete(0);
  const unknown = [...used].filter((epoch) => !given.has(epoch)).sort((a, b) => a - b);
  if (unknown.length > 0)
    return [
      auditFinding(
        "problem",
        "EPOCH_UNKNOWN",
        "fleet",
        `this machine signed with the epochs ${unknown.join(", ")}, which are not in the ledger`,
      ),
    ];
  return used.size === 0
    ? []
    : [
        auditFinding(
          "ok",
          "EPOCHS",
          "fleet",
          `${amount(used.size, "epoch of this machine's journal is", "epochs of this machine's journal are")} in the ledger`,
        ),
      ];
}

function registrations({ registered, members }: Sources): AuditFinding[] {
  if (!registered) return [];
  // If a member has several processes, only the wanted one is registered.
  const own = members.filter(({ of }) => of === undefined);
  const missing = own.filter(({ processId }) => !registered.includes(processId));
  const stray = registered.filter((id) => !members.some(({ processId }) => processId === id));
  return [
    ...missing.map(({ name }) =>
      auditFinding("problem", "NOT_REGISTERED", name, "it is deployed, but not registered in the ledger"),
    ),
    ...stray.map((id) =>
      auditFinding(
        "note",
        "REGISTERED_BESIDE",
        "fleet",
        `${id} is registered in the ledger, but no longer a member`,
      ),
    ),
    ...(missing.length === 0
      ? [
          auditFinding(
            "ok",
            "REGISTRATIONS",
            "fleet",
            `${amount(own.length, "member is", "members are")} registered`,
          ),
        ]
      : []),
  ];
}
