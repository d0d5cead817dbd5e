import { amount } from "../../core/amount.ts";
import { mapConcurrently } from "../../core/concurrently.ts";
import { hashOf, shortHash } from "../../core/hash.ts";
import { type HeldConfig, readConfigs } from "../../fleet/config/reported-configs.ts";
import { CONFIG_TYPES, type ConfigType, isBuiltIn } from "../../fleet/config/types.ts";
import { NO_LIBRARY_REASON } from "../../fleet/health/without-library.ts";
import type { Member } from "../../fleet/members/member.ts";
import { info } from "../../fleet/protocol/info.ts";
import type { DeclaredProcess } from "../../fleet/releases/declared.ts";
import {
  answerBudget,
  describeError,
  Findings,
  hasNoLibrary,
  judgeCodeWithoutLibrary,
  MAX_CONCURRENT,
  type Subject,
  type ValidationResult,
} from "./subject.ts";

/** Validates the configuration: settings, code, owner and peers match the declaration, and settings fit their schema. */
export async function validateConfiguration(subject: Subject): Promise<ValidationResult> {
  const findings = new Findings("configuration");
  const { release, fleet } = subject;
  if (!release) {
    findings.add("fleet", "declaration", "SKIP", "this machine has no release to compare with");
  } else {
    const missing = Object.keys(release.declaration).filter(
      (name) => !fleet.members.some((member) => member.name === name),
    );
    const detail = `${amount(Object.keys(release.declaration).length, "member")} as release ${release.deploymentId} declares`;
    const lacks = `${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} declared but not deployed`;
    findings.judge("fleet", "declaration", missing.length === 0, missing.length === 0 ? detail : lacks);
  }
  await mapConcurrently(subject.members, MAX_CONCURRENT, (member) => checkMember(subject, member, findings));
  return { findings: findings.all };
}

async function checkMember(subject: Subject, member: Member, findings: Findings): Promise<void> {
  const { name } = member;
  const { session } = subject.fleet;
  const declared = subject.release?.declaration[name];
  try {
    if (hasNoLibrary(subject, name)) {
      findings.add(name, "settings", "SKIP", NO_LIBRARY_REASON);
      findings.add(name, "peers", "SKIP", NO_LIBRARY_REASON);
      await judgeCodeWithoutLibrary(subject, member, "source", findings);
      return findings.add(name, "owner", "PASS", "accepts Evals of the stack's wallet");
    }
    const configs = await readConfigs(session, member, {}, answerBudget(subject));
    settings(name, declared, configs.held, findings);
    const said = await info(session, member, answerBudget(subject), "sourceHash", "owner");
    const hash = declared?.sourceHash ?? member.sourceHash;
    const same = hash === "" || hash === said.sourceHash;
    const runs = `runs code ${shortHash(said.sourceHash)}`;
    findings.judge(name, "source", same, same ? runs : `${runs} instead of ${shortHash(hash)}: drift`);
    const owner = session.ao.address;
    const mine = said.owner === undefined || said.owner === "" || said.owner === owner;
    findings.judge(
      name,
      "owner",
      mine,
      mine ? "belongs to the stack's wallet" : `belongs to ${said.owner} instead of ${owner}`,
    );
    peers(subject, name, declared, said.peers, findings);
  } catch (error) {
    findings.add(name, "answers", "FAIL", describeError(error));
  }
}

/** The process holds every declared type as declared, holds no other type, and its settings fit their schemas. */
function settings(
  name: string,
  declared: DeclaredProcess | undefined,
  held: Readonly<Record<string, HeldConfig>>,
  findings: Findings,
): void {
  for (const [type, data] of Object.entries(declared?.config ?? {})) {
    const own = held[type];
    const wanted = hashOf(data);
    const same = own?.hash === wanted;
    const detail = own
      ? `version ${own.version}, hash ${shortHash(own.hash)}${same ? "" : ` instead of ${shortHash(wanted)}: drift`}`
      : "it holds none, but one is declared";
    findings.judge(name, type, same, detail);
  }
  for (const [type, own] of Object.entries(held)) {
    const stray = declared !== undefined && declared.config[type] === undefined;
    if (stray && Object.keys(own.data).length > 0)
      findings.add(name, type, "FAIL", `it holds version ${own.version}, but none is declared: drift`);
    const problem = isBuiltIn(type) ? misfit(type, own.data) : undefined;
    if (problem !== undefined) findings.add(name, `${type}_schema`, "FAIL", problem);
    else
      findings.add(
        name,
        `${type}_schema`,
        "PASS",
        isBuiltIn(type) ? "fits its schema" : "a type of the program",
      );
  }
  if (Object.keys(held).length === 0 && Object.keys(declared?.config ?? {}).length === 0)
    findings.add(name, "settings", "PASS", "none declared, none held");
}

function misfit(type: ConfigType, data: unknown): string | undefined {
  const parsed = CONFIG_TYPES[type].safeParse(data);
  if (parsed.success) return undefined;
  return parsed.error.issues.map(({ path, message }) => `${path.join(".") || type}: ${message}`).join("; ");
}

/** The process knows the present ids of its declared peers, and no other peers. */
function peers(
  { fleet }: Subject,
  name: string,
  declared: DeclaredProcess | undefined,
  known: Readonly<Record<string, string>>,
  findings: Findings,
): void {
  if (!declared) return;
  const wrong: string[] = [];
  for (const peer of declared.peers) {
    const id = fleet.members.find((member) => member.name === peer)?.processId;
    if (known[peer] === undefined) wrong.push(`it does not know ${peer}`);
    else if (id !== undefined && known[peer] !== id) wrong.push(`it has another process as ${peer}`);
  }
  for (const peer of Object.keys(known))
    if (!declared.peers.includes(peer)) wrong.push(`it knows ${peer}, which is not declared`);
  const detail = declared.peers.length === 0 ? "none declared" : `knows ${declared.peers.join(" ")}`;
  findings.judge(
    name,
    "peers",
    wrong.length === 0,
    wrong.length === 0 ? detail : `${wrong.join("; ")}: drift`,
  );
}
