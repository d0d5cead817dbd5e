import { randomBytes } from "node:crypto";

/** `rollback-<time>-<random>`. */
export function newRollbackId(now: Date): string {
  const stamp = now.toISOString().replace(/[-:]/g, "").replace(/\..*/, "");
  return `rollback-${stamp}-${randomBytes(3).toString("hex")}`;
}
