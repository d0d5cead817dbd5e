import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { mapConcurrently } from "../../core/concurrently.ts";
import { FleetError } from "../../core/errors.ts";
import { jsonIn } from "../../core/json.ts";
import { own } from "../../core/own.ts";
import { startOf } from "../../core/unicode.ts";
import { NO_LIBRARY_REASON } from "../../fleet/health/without-library.ts";
import type { Member } from "../../fleet/members/member.ts";
import { call } from "../../fleet/protocol/call.ts";
import { info } from "../../fleet/protocol/info.ts";
import { luaMap } from "../../fleet/protocol/lua.ts";
import { refusalIn } from "../../fleet/protocol/reply.ts";
import type { Integration } from "./report.ts";
import {
  answerBudget,
  describeError,
  Findings,
  hasNoLibrary,
  MAX_CONCURRENT,
  type Subject,
  type ValidationResult,
} from "./subject.ts";
import { runWorkflow, workflowsOf } from "./workflows.ts";

const ProbedSchema = z.looseObject({
  success: z.literal(true),
  peers: luaMap(
    z.looseObject({
      ok: z.boolean(),
      processId: z.string().optional(),
      name: z.string().nullish(),
      status: z.string().nullish(),
      code: z.string().optional(),
      message: z.string().optional(),
      ms: z.number().optional(),
    }),
  ),
});

/** Validates integration: every process calls its declared peers, and every declared workflow runs from end to end. */
export async function validateIntegration(subject: Subject): Promise<ValidationResult> {
  const findings = new Findings("integration");
  const integration: Record<string, Integration> = {};
  await mapConcurrently(subject.members, MAX_CONCURRENT, (member) =>
    edges(subject, member, findings, integration),
  );
  for (const workflow of workflowsOf(subject)) {
    const { name } = workflow;
    const result = await runWorkflow(subject, workflow);
    findings.add("fleet", `workflow_${name}`, result.status, result.detail, result.ms);
    integration[`workflow: ${name}`] = result;
  }
  return { findings: findings.all, integration };
}

async function edges(
  subject: Subject,
  member: Member,
  findings: Findings,
  integration: Record<string, Integration>,
): Promise<void> {
  const { name } = member;
  const say = (peer: string, result: Integration) => {
    findings.add(name, `peer_${peer}`, result.status, result.detail, result.ms);
    integration[`${name} → ${peer}`] = result;
  };
  if (hasNoLibrary(subject, name)) return findings.add(name, "peers", "SKIP", NO_LIBRARY_REASON);
  let peers: readonly string[] = subject.release?.declaration[name]?.peers ?? [];
  try {
    if (!subject.release?.declaration[name]) peers = await wiredPeers(subject, member);
    if (peers.length === 0) return findings.add(name, "peers", "SKIP", "it has no peers");
    // A peer without the library answers no probe.
    for (const peer of peers)
      if (hasNoLibrary(subject, peer)) say(peer, { status: "SKIP", detail: `${peer}: ${NO_LIBRARY_REASON}` });
    peers = peers.filter((peer) => !hasNoLibrary(subject, peer));
    if (peers.length === 0) return;
    const probed = await probe(subject, member, peers);
    for (const peer of peers) say(peer, verdict(subject, peer, own(probed, peer)));
  } catch (error) {
    const detail = `not called: ${describeError(error)}`;
    for (const peer of peers) say(peer, { status: "FAIL", detail });
    if (peers.length === 0) findings.add(name, "peers", "FAIL", describeError(error));
  }
}

async function wiredPeers({ fleet, ...subject }: Subject, member: Member): Promise<string[]> {
  const { peers } = await info(fleet.session, member, answerBudget({ fleet, ...subject }), "peers");
  return Object.keys(peers).sort();
}

type Probed = z.output<typeof ProbedSchema>["peers"];

/** Makes the process call its peers. A process notices a time-out only when another message arrives, so further messages are sent. */
async function probe(subject: Subject, member: Member, peers: readonly string[]): Promise<Probed> {
  const { fleet } = subject;
  const seconds = Math.max(1, answerBudget(subject).remaining() / 1000);
  const edgeMs = Math.round((seconds * 1000) / 2);
  const over = new AbortController();
  const asked = call(fleet, {
    member,
    action: "PROBE_PEERS",
    data: JSON.stringify({ peers, timeout: edgeMs }),
    tags: { "Content-Type": "application/json" },
    seconds,
    wait: true,
  }).finally(() => over.abort());
  const [reply] = await Promise.all([asked, nudge(subject, member, edgeMs + 250, over.signal)]);
  const data = reply.error === undefined ? reply.data : "";
  const probed = ProbedSchema.safeParse(jsonIn(data));
  if (probed.success) return probed.data.peers;
  const { code = "BAD_REPLY", message = startOf(reply.error ?? reply.data, 200) } = refusalIn(data) ?? {};
  throw new FleetError({
    code,
    what: `${member.name} could not call its peers: ${message}`,
    remedy:
      code === "UNKNOWN_ACTION"
        ? "Its library is too old for this command: deploy it again."
        : `npx fleet logs ${member.name}`,
  });
}

async function nudge(subject: Subject, member: Member, ms: number, signal: AbortSignal): Promise<void> {
  try {
    for (await sleep(ms, undefined, { signal }); !signal.aborted; await sleep(1000, undefined, { signal }))
      await info(subject.fleet.session, member, answerBudget(subject));
  } catch {
    // Stopped, or the process does not answer: the call itself reports that.
  }
}

/** Whether the process that answered as a peer is that member, and is active. Pure. */
function verdict({ fleet }: Subject, peer: string, got: Probed[string] | undefined): Integration {
  if (!got) return { status: "FAIL", detail: "not called" };
  const ms = got.ms === undefined ? {} : { ms: got.ms };
  if (!got.ok) return { status: "FAIL", detail: `${got.message ?? "no answer"} [${got.code ?? "?"}]`, ...ms };
  const id = fleet.members.find(({ name }) => name === peer)?.processId;
  if (id !== undefined && got.processId !== id)
    return { status: "FAIL", detail: `it is wired to ${got.processId} instead of ${id}`, ...ms };
  if (typeof got.name === "string" && got.name !== peer)
    return { status: "FAIL", detail: `the process that answered reports the name ${got.name}`, ...ms };
  if (got.status !== "ACTIVE")
    return { status: "FAIL", detail: `it answered, but its status is ${got.status ?? "unknown"}`, ...ms };
  return { status: "PASS", detail: `answered in ${got.ms ?? 0} ms by the scheduler's clock`, ...ms };
}
