import { randomBytes } from "node:crypto";

/** An id for one deployment: `deploy-<time>-<random>`. */
export function newDeploymentId(now: Date): string {
  const stamp = now.toISOString().replace(/[-:]/g, "").replace(/\..*/, "");
  return `deploy-${stamp}-${randomBytes(3).toString("hex")}`;
}
