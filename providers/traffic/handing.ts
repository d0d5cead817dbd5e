import type { KeyRange } from "../../src/delivery/ranges.ts";

/** One service's state on its way. */
export interface Handing {
  readonly name: string;
  /** Process that has the state. */
  readonly from: string;
  /** Process that gets it. */
  readonly to: string;
  /** Only what these callers have. @default all of it */
  readonly keys?: KeyRange;
}

/** Who has a service's state. */
export type Owner = Pick<Handing, "name" | "to" | "keys">;
