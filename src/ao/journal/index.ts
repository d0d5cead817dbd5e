export { type Journal, openJournal, readJournal } from "./journal.ts";
export { describeIntent, type Intent, isOpenIntent } from "./records.ts";
export { openMessage, signedMessage } from "./signed-message.ts";
export { temporaryJournal } from "./temporary.ts";
