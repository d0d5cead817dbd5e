import { startOf } from "./unicode.ts";

/** The first line, truncated to at most `width` characters. */
export function brief(text: string, width: number): string {
  const [line = "", ...more] = text.trim().split("\n");
  const cut = more.length > 0 || line.length > width;
  return cut ? `${startOf(line, Math.max(0, width - 1))}…` : line;
}
