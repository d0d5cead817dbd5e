import type { FoundSnapshot } from "../../fleet/snapshot/find.ts";
import type { MemberPlan } from "./member-plan.ts";

/** A snapshot that was found, as a part of a member's plan. Pure. */
export const plannedState = ({
  snapshot,
  from,
  unread,
}: FoundSnapshot): Pick<MemberPlan, "snapshot" | "snapshotFrom" | "unread"> => ({
  ...(snapshot === undefined ? {} : { snapshot }),
  ...(from === undefined ? {} : { snapshotFrom: from }),
  ...(unread.length === 0 ? {} : { unread }),
});
