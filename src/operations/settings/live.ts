import { budgetOf } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { settleAll } from "../../core/settle-all.ts";
import { type ReportedConfigs, readConfigs } from "../../fleet/config/reported-configs.ts";
import type { FleetSession } from "../../fleet/fleet-session.ts";
import type { Member } from "../../fleet/members/member.ts";
import type { DeclaredProcess } from "../../fleet/releases/declared.ts";
import { readRelease } from "../../fleet/releases/document.ts";

/** The settings that a process reports. */
export interface Live {
  readonly member: Member;
  readonly reply: ReportedConfigs;
}

/**
 * Asks all given members for their settings at the same time, each by a signed message.
 *
 * @param ask `seconds`: time limit per member; `history`: with earlier versions; `configType`: only this type
 * @throws FleetError with the problems of every member that failed
 */
export async function liveConfigs(
  { session }: FleetSession,
  members: readonly Member[],
  ask: { readonly configType?: string | undefined; readonly history?: boolean; readonly seconds: number },
): Promise<readonly Live[]> {
  const data = {
    ...(ask.configType === undefined ? {} : { configType: ask.configType }),
    ...(ask.history === true ? { history: true } : {}),
  };
  return settleAll(
    members.map(async (member) => ({
      member,
      reply: await readConfigs(session, member, data, budgetOf(ask.seconds)),
    })),
  );
}

/** The declaration of the release that runs, by member; undefined if this machine has none. */
export async function declaredBy(
  fleet: FleetSession,
): Promise<Readonly<Record<string, DeclaredProcess>> | undefined> {
  const release = await readRelease(fleet.session.scope, "current");
  return release && { ...release.warm, ...release.declaration };
}

/** The error for a member without settings of a type. */
export function noConfig(member: string, configType: string, known: readonly string[]): FleetError {
  return new FleetError({
    code: "NO_CONFIG",
    what: `${member} holds no ${configType}.`,
    got: configType,
    expected:
      known.length > 0
        ? `one of ${known.join(", ")}`
        : "a member with settings; it has none, so defaults apply",
    remedy: `npx fleet config show ${member} lists its settings.`,
  });
}
