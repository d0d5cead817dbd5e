import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { printable } from "../../core/printable.ts";
import { redactText } from "../../core/redact.ts";
import type { Finding, ValidationType } from "./report.ts";

/** Files in `build/logs` that the guide greps; all other types go to `validation_output.txt`. */
const FILES: Readonly<Partial<Record<ValidationType, string>>> = {
  health: "health_output.txt",
  integration: "register_output.txt",
};
const NOUNS: Readonly<Record<ValidationType, string>> = {
  health: "health check",
  integration: "integration test",
  performance: "performance test",
  security: "security test",
  configuration: "configuration check",
};
const ENDS = { PASS: "passed", FAIL: "failed", SKIP: "skipped" } as const;

/** `battle  health check failed: readiness: peers is UNHEALTHY: …`. Pure. */
function logLine({ process, type, test, status, detail }: Finding): string {
  const name = test.slice(type.length + 1);
  return printable(
    redactText(
      `${process.padEnd(22)} ${NOUNS[type]} ${ENDS[status]}: ${name}: ${detail.replaceAll("\n", " ")}`,
    ),
  );
}

/** Appends findings to the log files. */
export async function logFindings(build: string, at: string, findings: readonly Finding[]): Promise<void> {
  const logs = join(build, "logs");
  await mkdir(logs, { recursive: true });
  const byFile = new Map<string, string>();
  for (const finding of findings) {
    const file = FILES[finding.type] ?? "validation_output.txt";
    byFile.set(file, `${byFile.get(file) ?? ""}${at} ${logLine(finding)}\n`);
  }
  for (const [file, text] of byFile) await appendFile(join(logs, file), text);
}
