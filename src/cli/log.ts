import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import { printableJson } from "../core/printable.ts";
import { redactText } from "../core/redact.ts";

/** A command's log: one JSON object per line, in the project's `build/logs/fleet.jsonl`. */
interface CommandLog {
  say(level: LogLevel, text: string, more?: object): void;
  close(): void;
}
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Size in bytes from which the log is rotated to `fleet.jsonl.1`, `.2`, …, and the number of rotated logs to keep. */
const MAX_BYTES = 4 * 1024 * 1024;
const KEPT = 4;

const SILENT: CommandLog = { say: () => {}, close: () => {} };

/** Valid values of FLEET_LOG_LEVEL, from the most output to none. */
const LEVELS = ["debug", "info", "warn", "error", "silent"];

/**
 * Opens the log of a project. Writes nothing if the project was never set up (no `.fleet`).
 *
 * @param level from FLEET_LOG_LEVEL; default info, debug with --verbose, and `silent` writes none
 */
export async function openLog(
  projectDir: string,
  fields: Readonly<Record<string, unknown>>,
  level: string,
): Promise<CommandLog> {
  if (level === "silent" || !existsSync(join(projectDir, ".fleet"))) return SILENT;
  const path = join(projectDir, "build", "logs", "fleet.jsonl");
  try {
    rotate(path);
    const { destination, pino } = await import("pino");
    const file = destination({ dest: path, mkdir: true, sync: true });
    // A full disk must not stop the command: its work matters more than its log.
    file.on("error", () => {});
    const logger: Logger = pino(
      { base: fields, timestamp: () => `,"time":"${new Date().toISOString()}"`, level: known(level) },
      // Every line passes here, whatever its fields: without secrets, and with an escape for each character that acts on a terminal.
      { write: (line) => void file.write(`${printableJson(redactText(line.trimEnd()))}\n`) },
    );
    return {
      say: (at, text, more = {}) => logger[at](more, redactText(text)),
      close: () => file.end(),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return SILENT;
  }
}

const known = (level: string): string => (LEVELS.includes(level) ? level : "info");

/** Rotates a log that is larger than `most` bytes. */
export function rotate(path: string, most = MAX_BYTES, kept = KEPT): void {
  if (!existsSync(path) || statSync(path).size <= most) return;
  rmSync(`${path}.${kept}`, { force: true });
  for (let n = kept - 1; n >= 1; n -= 1)
    if (existsSync(`${path}.${n}`)) renameSync(`${path}.${n}`, `${path}.${n + 1}`);
  renameSync(path, `${path}.1`);
}
