export { type Journal, type JournalOptions, openJournal } from "./journal.ts";
export type { Intent, IntentState } from "./records.ts";
