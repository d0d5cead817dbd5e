/**
 * Preloaded into a daemon (FLEET_LOCALNET_NODE_OPTIONS): it stands still at the step HOLD_AT as long as the file HOLD_WHILE is there,
 * as on a machine that is too busy to run it.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { isMainThread } from "node:worker_threads";

const { HOLD_AT, HOLD_WHILE } = process.env;

function hold() {
  fs.writeFileSync(`${HOLD_WHILE}.${process.pid}`, "");
  const clock = new Int32Array(new SharedArrayBuffer(4));
  while (fs.existsSync(HOLD_WHILE)) Atomics.wait(clock, 0, 0, 20);
}

if (isMainThread && HOLD_AT === "boot") hold();
if (isMainThread && HOLD_AT === "publish") {
  const rename = fs.renameSync;
  fs.renameSync = (...args) => {
    hold();
    return rename(...args);
  };
  syncBuiltinESMExports();
}
