/**
 * One run of a fleet in a process of its own, which tests kill, stop or starve.
 *
 *     node driver.ts up|refresh|destroy <spec.json> <wallet.json>
 *
 * Its last line is the run's result as JSON; it exits with 1 if anything failed.
 */
import { readFileSync } from "node:fs";
import * as configBundle from "../../providers/config-bundle/lifecycle.ts";
import * as processes from "../../providers/process/lifecycle.ts";
import { Engine } from "./engine.ts";
import type { Spec } from "./spec.ts";

const [task = "", specPath = "", walletPath = ""] = process.argv.slice(2);
console.log = () => {};
const config = { get: (key: string) => (key === "walletPath" ? walletPath : undefined) };
processes.configure(config);
configBundle.configure(config);
const engine = new Engine(JSON.parse(readFileSync(specPath, "utf8")) as Spec);
if (task !== "up" && task !== "refresh" && task !== "destroy") throw new Error(`no task ${task}`);
const result = await engine[task]();
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(result.errors.length > 0 ? 1 : 0);
