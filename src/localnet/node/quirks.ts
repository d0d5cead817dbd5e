/**
 * The ways in which a HyperBEAM node is difficult for a client, each as a switch. The defaults are the observed behaviour of real nodes; a
 * test that needs none of them turns them off.
 */
export interface NodeQuirks {
  /**
   * What happens to an item that is posted again. It always takes another slot; `evaluated` runs it again (nodes of 2025), `skipped`
   * gives that slot an empty result (nodes since April 2026). @default "evaluated"
   */
  readonly repeated: "evaluated" | "skipped";
  /** The path under a slot at which its result is served; the other one is unknown. @default "json" */
  readonly results: "raw" | "json" | "both";
  /** Puts error texts into HTTP headers with their line breaks, which strict clients refuse to parse. @default true */
  readonly brokenHeaders: boolean;
  /** Answers with links instead of nested values, unless the request has `accept-bundle`. @default true */
  readonly links: boolean;
  /** Reports a next page after the last one. @default true */
  readonly endlessPages: boolean;
  /** Schedules posts to one process that arrive together in another order than they arrived in. @default true */
  readonly shuffles: boolean;
  /** Answers with a page for people, unless the request asks for JSON. @default true */
  readonly html: boolean;
  /** Posts to one process at the same time, beyond which the node answers 500 and drops them. @default 25 */
  readonly busyAbove: number;
  /** Its devices. A process whose device is not among them is scheduled, and nothing of it is ever evaluated. @default those of aos processes */
  readonly devices: readonly string[];
  /**
   * Fetches modules from the gateway. A node that cannot knows none: it schedules their processes, and never has a result. @default true
   */
  readonly fetchesModules: boolean;
  /** Charges for posts. @default they are free */
  readonly payment?: Payment;
}

/** `p4@1.0` with `simple-pay@1.0`: an item is accepted if its signer has paid for it. Reads are free. */
export interface Payment {
  /** Of one AO-Core message; a post counts as two. */
  readonly price: number;
  /** Balances by address. Posts are taken off. */
  readonly ledger: Record<string, number>;
}

export const REAL: NodeQuirks = {
  repeated: "evaluated",
  results: "json",
  brokenHeaders: true,
  links: true,
  endlessPages: true,
  shuffles: true,
  html: true,
  busyAbove: 25,
  devices: [
    "genesis-wasm@1.0",
    "message@1.0",
    "meta@1.0",
    "patch@1.0",
    "process@1.0",
    "push@1.0",
    "scheduler@1.0",
  ],
  fetchesModules: true,
};
