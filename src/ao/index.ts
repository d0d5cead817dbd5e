/** The network: connect, sign, journal, send, read back. Knows nothing of Pulumi, of delivery or of bundles. */

export { crashPoint } from "../core/crash.ts";
export { type ConnectOptions, checkNetwork, connect, dryRunsAs } from "./connect.ts";
export { UnitError } from "./errors.ts";
export { assertOwner, looksLikeInbox } from "./inbox.ts";
export { type Intent, type Journal, type JournalOptions, openJournal, readJournal } from "./journal/index.ts";
export { connectLegacy, type LegacyLimits, type LegacyOptions } from "./legacy/connect.ts";
export type { Needs, Spending } from "./needs.ts";
export { type NetworkRef, NetworkRefSchema, type ResolvedNetwork, resolveNetwork } from "./network.ts";
export type * from "./port.ts";
export { type Relation, relationOf, replyAmong, replyNaming, type SentRequest } from "./replies.ts";
export { type ItemFields, loadWallet, type SignedItem, type Wallet, type WalletSource } from "./wallet.ts";
