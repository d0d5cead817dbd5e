import { z } from "zod";
import { budgetOf } from "../../core/budget.ts";
import type { FleetSession } from "../fleet-session.ts";
import type { Member } from "../members/member.ts";
import { ask } from "./ask.ts";

const NowSchema = z.looseObject({
  sourceHash: z.string().default(""),
  stateVersion: z.string().default(""),
  epoch: z.number().int(),
});

/** What a process says of itself now. */
export const nowOf = (fleet: FleetSession, member: Member): Promise<z.output<typeof NowSchema>> =>
  ask(fleet.session, { ...member, action: "Info" }, NowSchema, budgetOf(60));
