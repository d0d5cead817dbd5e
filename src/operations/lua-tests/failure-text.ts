import type { Failure } from "./report.ts";

/** A failure in lines: its place and message, and the line of the source. Pure. */
export function failureText({ message, file, line, source }: Failure): string {
  const place = file === undefined ? "" : `${file}:${line}: `;
  return [`${place}${message}`, ...(source ? [`  ${line} | ${source}`] : [])].join("\n");
}
