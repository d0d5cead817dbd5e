/** Who let a release have its traffic: the judge's verdicts, or a person who went past them. */
import { z } from "zod";
import { percent } from "./steps.ts";

/** A step that a person promoted although its last verdict was not good. */
export const PromotionSchema = z.looseObject({
  /** Counts from 1, as in the run's lines. */
  step: z.number(),
  /** Green's share at it, in basis points. */
  weightBp: z.number(),
  /** Address that promoted it. */
  by: z.string(),
  /** The last verdict: fail, inconclusive or error. */
  outcome: z.enum(["fail", "inconclusive", "error"]),
  /** That verdict in words, with its numbers. */
  verdict: z.string(),
});
export type Promotion = z.infer<typeof PromotionSchema>;

export const ApprovalSchema = z.looseObject({
  /** Who let green keep its last share: the judge by a good verdict, or a person by `fleet promote` without one. */
  letThrough: z.enum(["judge", "person"]),
  /** Every step that a person promoted without a good verdict, in order; the last one too where `letThrough` is `person`. */
  promoted: z.array(PromotionSchema),
});
export type Approval = z.infer<typeof ApprovalSchema>;

const verdictIn = ({ outcome, verdict }: Promotion): string => `${outcome}: ${verdict}`;

/** What of an approval was a person's, in words; undefined where the judge alone let it through, as far as is known. Pure. */
export function overruledText({ letThrough, promoted }: Approval): string | undefined {
  const last = letThrough === "person" ? promoted.at(-1) : undefined;
  const earlier = last ? promoted.slice(0, -1) : promoted;
  const steps = earlier.map((one) => `step ${one.step}, ${percent(one.weightBp)} (${verdictIn(one)})`);
  const parts = [
    ...(last ? [`promoted by hand, not judged good: ${verdictIn(last)}`] : []),
    ...(steps.length > 0 ? [`promoted by hand before, not judged good: ${steps.join(", ")}`] : []),
  ];
  return parts.length === 0 ? undefined : parts.join("; ");
}

/** How a rollout came to its end, for its last line: no more than what is so of the share that it ends with. Pure. */
export function approvalText(approval: Approval, weightBp: number): string {
  const good = approval.letThrough === "judge" ? [`judged good at ${percent(weightBp)}`] : [];
  const overruled = overruledText(approval);
  return [...good, ...(overruled === undefined ? [] : [overruled])].join("; ");
}
