export {
  type Approval,
  ApprovalSchema,
  approvalText,
  overruledText,
  type Promotion,
  PromotionSchema,
} from "./approval.ts";
export { type Combined, strategyProblems } from "./combinations.ts";
export { type Exposure, exposureOf, isWithinShare } from "./exposure.ts";
export { holding, holdOf } from "./hold.ts";
export { judge } from "./judge.ts";
export { decide, FOLLOWS, isEnd, MOST_ERRORS, type Move, type Position, phaseAt } from "./machine.ts";
export * from "./measurement.ts";
export { type Phase, PhaseSchema } from "./phase.ts";
export { type KeyRange, movedRanges, ownedRanges } from "./ranges.ts";
export {
  againText,
  figuresShown,
  GOES_ON,
  headline,
  phaseOf,
  requestsText,
  revisionsOf,
  type ShownRevision,
} from "./shown.ts";
export { isSplit, percent, rolloutSeconds, type Step, stepsOf } from "./steps.ts";
export * from "./strategy.ts";
export {
  activeOf,
  heaviest,
  isSame,
  moves,
  type Revisions,
  routesAt,
  tableName,
  weightsText,
} from "./table.ts";
export { type Finding, type Outcome, type Verdict, verdictOf } from "./verdict.ts";
