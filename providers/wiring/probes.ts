import { randomInt, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { OutMessage } from "../../src/ao/port.ts";
import { replyAmong, replyElsewhere } from "../../src/ao/replies.ts";
import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { canonicalJson } from "../../src/core/hash.ts";
import { jsonIn } from "../../src/core/json.ts";
import { startOf } from "../../src/core/unicode.ts";
import { faultOf } from "../../src/delivery/faults.ts";
import type { Probe } from "../../src/fleet/health/probe-message.ts";
import type { Target } from "../../src/fleet/members/target.ts";
import { memberKey } from "../../src/fleet/session/member-key.ts";
import type { Session } from "../../src/fleet/session/session.ts";

/** Milliseconds between two polls for a late reply. */
const POLL_MS = 250;

/**
 * Sends one message to a process that knows its peers and compares the reply with what is declared. The reply may come in a later
 * evaluation, if the process asks its peers first.
 *
 * @throws FleetError PROBE_FAILED, PROBE_UNANSWERED
 */
export async function proveProbe(
  session: Session,
  target: Target,
  { action, data, expect }: Probe,
  budget: Budget,
): Promise<void> {
  const reply = await replyTo(session, target, action, canonicalJson(data), budget);
  const got = parsed(reply.data);
  const isError = faultOf(reply) !== undefined;
  const wants = Object.entries(expect);
  const wrong = wants.filter(([key, value]) => !isDeepStrictEqual(got[key], value)).map(([key]) => key);
  // An error may be the expected reply.
  if (wrong.length === 0 && (!isError || wants.length > 0)) return;
  throw new FleetError({
    code: "PROBE_FAILED",
    what: `${target.name} does not answer ${action} as expected: integration test failed.`,
    got: startOf(reply.data, 300),
    expected: wants.length > 0 ? canonicalJson(expect) : "a reply that is not an error",
    remedy: `npx fleet logs ${target.name}`,
    at: `processes.${target.name}.probes`,
  });
}

async function replyTo(
  session: Session,
  { name, generation, processId }: Target,
  action: string,
  data: string,
  budget: Budget,
): Promise<OutMessage> {
  const { ao } = session;
  const correlation = randomUUID();
  const intent = memberKey(session.scope, name, generation, `${action}/probe/${correlation}`);
  const reference = String(randomInt(1, 2 ** 47));
  const tags = {
    Action: action,
    "Content-Type": "application/json",
    "Correlation-Id": correlation,
    Reference: reference,
  };
  try {
    const sent = await ao.send({ intent, processId, tags, data }, budget);
    const first = await ao.evaluation({ processId, messageId: sent.id }, budget);
    const asked = { address: ao.address, messageId: sent.id, tags };
    let found = first.error === undefined ? replyAmong(first.messages, asked) : undefined;
    while (!found && first.error === undefined && first.messages.length > 0 && budget.remaining() > POLL_MS) {
      await sleep(POLL_MS);
      const { items } = await ao.results({ processId, limit: 25, newestFirst: true }, budget);
      // Members with probes have the library: it says for which request a later message is sent.
      found = replyElsewhere(
        items.flatMap(({ messages }) => messages),
        asked,
        true,
      );
    }
    if (found) return found;
    throw new FleetError({
      code: "PROBE_UNANSWERED",
      what: `${name} did not answer ${action}: integration test failed.`,
      got: first.error ?? (first.messages.length > 0 ? "messages to others, and no reply" : "no reply"),
      expected: "a reply to the sender",
      remedy: `npx fleet logs ${name}`,
      at: `processes.${name}.probes`,
    });
  } finally {
    // Every probe is a new message, so an earlier one is never sent again.
    await session.journal.void(intent, "a probe is sent once").catch(() => {});
  }
}

function parsed(text: string): Record<string, unknown> {
  const value = jsonIn(text);
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
