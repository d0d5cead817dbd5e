import { z } from "zod";
import { budgetOf } from "../../core/budget.ts";
import { FleetError, type Problem } from "../../core/errors.ts";
import { hashOf } from "../../core/hash.ts";
import {
  type Distributor,
  distribute,
  restorePrevious,
  type Shipment,
} from "../../fleet/config/distribute.ts";
import type { Rule } from "../../fleet/config/rules.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import { info } from "../../fleet/protocol/info.ts";
import { liveConfigs } from "./live.ts";

/** Settings of one type for one member. */
export interface ConfigToSend {
  readonly member: Member;
  readonly configType: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** The rules, for a config type that the fleet defines itself. */
  readonly rule?: Rule | undefined;
}

/** Settings that were sent. */
export interface Sent {
  readonly member: string;
  readonly configType: string;
  readonly version: number;
  readonly hash: string;
}

/**
 * Sends settings by hand to every member that holds different ones, as a version above all earlier ones. All members accept, or all get
 * their previous settings back. Uses the processes' own epoch, so a deployment that runs at the same time takes precedence.
 *
 * @param seconds time limit per message
 * @throws FleetError with every refusal, after the changes were reverted, and with a problem for each member that may not have its previous
 * settings
 */
export async function sendConfigs(
  fleet: FleetSession,
  wanted: readonly ConfigToSend[],
  seconds: number,
): Promise<readonly Sent[]> {
  const members = [...new Map(wanted.map(({ member }) => [member.processId, member])).values()];
  const live = await liveConfigs(fleet, members, { seconds });
  const replies = new Map(live.map((one) => [one.member.processId, one.reply]));
  const epochs = await Promise.all(
    members.map(async (member) => (await info(fleet.session, member, budgetOf(60), "epoch")).epoch),
  );
  const epoch = Math.max(0, ...epochs);
  const deployment = { epoch: async () => epoch };
  const hand: Distributor = { ...fleet.session, deployment, isByHand: true };
  const sent: Sent[] = [];
  const done: Delivered[] = [];
  for (const group of groupsOf(wanted)) {
    const { configType, data, rule } = group[0];
    const hash = hashOf(data);
    const pending = group
      .map(({ member }) => member)
      .filter(({ processId }) => replies.get(processId)?.held[configType]?.hash !== hash);
    if (pending.length === 0) continue;
    const highest = pending.map(({ processId }) => replies.get(processId)?.highest[configType] ?? 0);
    const version = Math.max(0, ...highest) + 1;
    const shipment: Shipment = { configType, data, version, hash, ...(rule === undefined ? {} : { rule }) };
    const failed = await distribute(hand, pending, shipment, budgetOf(seconds));
    if (failed) {
      // Revert the earlier groups too: the settings apply as a whole or not at all.
      const { transient, problems } = failed;
      throw new FleetError([...problems, ...(await reverted(hand, done))], { transient, cause: failed });
    }
    done.push({ targets: pending, shipment });
    for (const { name } of pending) sent.push({ member: name, configType, version, hash });
  }
  return sent;
}

/** Settings that these members hold now. */
interface Delivered {
  readonly targets: readonly Member[];
  readonly shipment: Shipment;
}

/** Makes members return to their previous settings. Returns a problem for each that may not hold them. */
async function reverted(hand: Distributor, delivered: readonly Delivered[]): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const { targets, shipment } of delivered) {
    const { others, failed } = await restorePrevious(hand, targets, shipment);
    problems.push(...failed);
    for (const name of others)
      problems.push({
        code: "CONFIG_OVERTAKEN",
        what: `${name} does not hold ${shipment.configType} v${shipment.version} any more, so it was not restored.`,
        got: "another version, which another client set in the meantime",
        expected: `v${shipment.version}, which it had accepted`,
        remedy: `npx fleet config show ${name} shows its settings, and npx fleet config history ${name} who set them.`,
      });
  }
  return problems;
}

type Group = readonly [ConfigToSend, ...ConfigToSend[]];

/** Groups members that get the same settings. Pure. */
function groupsOf(wanted: readonly ConfigToSend[]): Group[] {
  const groups = new Map<string, [ConfigToSend, ...ConfigToSend[]]>();
  for (const one of wanted) {
    const key = hashOf({ type: one.configType, data: one.data, rule: one.rule ?? null });
    const group = groups.get(key);
    if (group) group.push(one);
    else groups.set(key, [one]);
  }
  return [...groups.values()];
}

/** Options of commands that send settings. */
export const SendOptions = z.looseObject({ timeout: z.number(), yes: z.boolean().default(false) });
