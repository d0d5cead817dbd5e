/** Who approved a release's traffic: the judge by its verdicts, or a person who overruled them. */
import { z } from "zod";
import { percent } from "./steps.ts";

/** A step that a person promoted although its last verdict was not a pass. */
const PromotionSchema = z.looseObject({
  /** 1-based, as in the run's output. */
  step: z.number(),
  /** Green's share at this step, in basis points. */
  weightBp: z.number(),
  /** The address that promoted it. */
  by: z.string(),
  /** The last verdict: fail, inconclusive or error. */
  outcome: z.enum(["fail", "inconclusive", "error"]),
  /** The verdict's text, with its numbers. */
  verdict: z.string(),
});
export type Promotion = z.infer<typeof PromotionSchema>;

export const ApprovalSchema = z.looseObject({
  /** Who approved green's last share: the judge by a pass, or a person by `fleet promote` without one. */
  approvedBy: z.enum(["judge", "person"]),
  /** Every step that a person promoted without a pass, in order, including the last one if `approvedBy` is `person`. */
  promoted: z.array(PromotionSchema),
});
export type Approval = z.infer<typeof ApprovalSchema>;

const verdictIn = ({ outcome, verdict }: Promotion): string => `${outcome}: ${verdict}`;

/** Describes the steps that a person promoted; undefined if only the judge approved, as far as known. Pure. */
export function overruledText({ approvedBy, promoted }: Approval): string | undefined {
  const last = approvedBy === "person" ? promoted.at(-1) : undefined;
  const earlier = last ? promoted.slice(0, -1) : promoted;
  const steps = earlier.map((one) => `step ${one.step}, ${percent(one.weightBp)} (${verdictIn(one)})`);
  const parts = [
    ...(last ? [`promoted by hand without a pass: ${verdictIn(last)}`] : []),
    ...(steps.length > 0 ? [`earlier steps promoted by hand without a pass: ${steps.join(", ")}`] : []),
  ];
  return parts.length === 0 ? undefined : parts.join("; ");
}

/** How a rollout was approved, for its last line; refers only to the share that it ends with. Pure. */
export function approvalText(approval: Approval, weightBp: number): string {
  const passed = approval.approvedBy === "judge" ? [`passed at ${percent(weightBp)}`] : [];
  const overruled = overruledText(approval);
  return [...passed, ...(overruled === undefined ? [] : [overruled])].join("; ");
}
