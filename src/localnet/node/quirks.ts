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
};
