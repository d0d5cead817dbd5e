import { z } from "zod";
import { budgetOf } from "../../core/budget.ts";
import { hashOf } from "../../core/hash.ts";
import { type Distributor, distribute, type Shipment, withdraw } from "../../fleet/config/distribute.ts";
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
 * @throws FleetError with every refusal, after the changes were reverted
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
  const hand: Distributor = { ...fleet.session, deployment: { epoch: async () => epoch } };
  const sent: Sent[] = [];
  const done: { readonly targets: readonly Member[]; readonly shipment: Shipment }[] = [];
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
      for (const one of done)
        for (const target of one.targets) await withdraw(hand, target, one.shipment, budgetOf(seconds));
      throw failed;
    }
    done.push({ targets: pending, shipment });
    for (const { name } of pending) sent.push({ member: name, configType, version, hash });
  }
  return sent;
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
