export { type Journal, openJournal, readJournal } from "./journal.ts";
export { describeIntent, type Intent, type IntentState, isOpenIntent } from "./records.ts";
export { temporaryJournal } from "./temporary.ts";
