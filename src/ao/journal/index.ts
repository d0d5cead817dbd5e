export { type Journal, type JournalOptions, openJournal, readJournal } from "./journal.ts";
export type { Intent, IntentState } from "./records.ts";
