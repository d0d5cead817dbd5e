import { randomBytes } from "node:crypto";

/** A time as part of a name: `20260101T000000`. */
export const stampOf = (now: Date): string => now.toISOString().replace(/[-:]|\..*/g, "");

/** A new id: `<kind>-<time>-<random>`. */
export const newId = (kind: string, now: Date, bytes = 3): string =>
  `${kind}-${stampOf(now)}-${randomBytes(bytes).toString("hex")}`;
