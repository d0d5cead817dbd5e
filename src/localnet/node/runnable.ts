import { type ProcessRecord, tagValue } from "../types.ts";
import { NodeError } from "./answers.ts";
import type { NodeQuirks } from "./quirks.ts";

/** A node schedules also for processes that it cannot run. @throws NodeError for the result of such a process */
export function requireRunnable(
  { devices, fetchesModules }: NodeQuirks,
  process: ProcessRecord | undefined,
): void {
  const device = tagValue(process?.tags ?? [], "execution-device") ?? "genesis-wasm@1.0";
  if (!devices.includes(device)) throw new NodeError(500, `The node does not have ${device}.`);
  if (!fetchesModules) throw new NodeError(500, `The module ${process?.module} cannot be loaded.`);
}

/** @throws NodeError if a device is called that the node does not have */
export function requireDevice({ devices }: NodeQuirks, device: string): void {
  if (!devices.includes(device)) throw new NodeError(500, `{device_not_loadable,<<"${device}">>}`);
}
