export {
  type Approval,
  approvalText,
  type Promotion,
} from "./approval.ts";
export type {
  Compared,
  Comparisons,
  Question,
} from "./comparison.ts";
export { countedService } from "./crowd.ts";
export { holdFields, holdOf } from "./hold.ts";
export { judge } from "./judge.ts";
export {
  decide,
  type Move,
  type Position,
  phaseAt,
} from "./machine.ts";
export * from "./measurement.ts";
export type { Phase } from "./phase.ts";
export { questionsFor } from "./questions.ts";
export { type KeyRange, movedRanges, ownedRanges } from "./ranges.ts";
export { sumOfSenders, withoutFaultiest } from "./senders.ts";
export { isSplit, percent, type Step, stepsOf } from "./steps.ts";
export * from "./strategy.ts";
export {
  activeOf,
  heaviest,
  isSameTable,
  needsShift,
  type OpenRevert,
  openRevert,
  type Revisions,
  routesAt,
  tableName,
  weightsText,
} from "./table.ts";
export {
  AFTER_APPROVAL,
  drainingText,
  figuresShown,
  phaseOf,
  requestsText,
} from "./traffic-text.ts";
export { type Verdict, verdictOf } from "./verdict.ts";
