export { type Journal, openJournal, readJournal } from "./journal.ts";
export { describeIntent, type Intent, isOpenIntent } from "./records.ts";
export { temporaryJournal } from "./temporary.ts";
