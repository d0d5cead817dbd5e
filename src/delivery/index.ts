export {
  type Approval,
  ApprovalSchema,
  approvalText,
  overruledText,
  type Promotion,
  PromotionSchema,
} from "./approval.ts";
export { type Combined, strategyProblems } from "./combinations.ts";
export {
  type Compared,
  type Comparisons,
  type Failing,
  MOST_COMPARED,
  NOT_COMPARED,
  type Question,
} from "./comparison.ts";
export { countedService } from "./crowd.ts";
export { type Exposure, exposureOf, isWithinShare } from "./exposure.ts";
export { holdFields, holdOf } from "./hold.ts";
export { judge } from "./judge.ts";
export {
  decide,
  FOLLOWS,
  isEnd,
  MAX_FAILED_MEASUREMENTS,
  type Move,
  type Position,
  phaseAt,
} from "./machine.ts";
export * from "./measurement.ts";
export { type Phase, PhaseSchema } from "./phase.ts";
export { questionsFor } from "./questions.ts";
export { type KeyRange, movedRanges, ownedRanges } from "./ranges.ts";
export { sumOfSenders, withoutFaultiest } from "./senders.ts";
export { isSplit, percent, rolloutSeconds, type Step, stepsOf } from "./steps.ts";
export * from "./strategy.ts";
export {
  activeOf,
  heaviest,
  isSameTable,
  needsShift,
  type Revisions,
  routesAt,
  tableName,
  weightsText,
} from "./table.ts";
export {
  AFTER_APPROVAL,
  drainingText,
  figuresShown,
  headline,
  phaseOf,
  requestsText,
  revisionsOf,
  type ShownRevision,
} from "./traffic-text.ts";
export { type Finding, type Outcome, type Verdict, verdictOf } from "./verdict.ts";
