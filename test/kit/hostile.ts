/** Text that strangers would like an operator's terminal to act on, alone and in the answers of units. */
import { jsonIn } from "../../src/core/json.ts";
import type { Answer } from "../simnet/faults.ts";
import { actingIn } from "./acting.ts";

/** Clears the screen, names the window, begins lines, and reorders and hides text. */
export const HOSTILE =
  "x\u001b[2J\u001b]0;owned\u0007\u009b31m\u0085\r\nFORGED all is well [OK]\n  fix:      FORGED\u202e\u2066\u200b\ufeff\u2028\u{e0041}";

/** What a string is drawn of. A line that begins with FORGED, or a fix that is FORGED, pretends to be one of the command's own. */
const PIECES: readonly string[] = [
  ...[
    "\u001b[2J",
    "\u001b[1A\u001b[2K",
    "\u001b]0;owned\u0007",
    "\u001b]52;c;b3duZWQ=\u0007",
    "\u001bP1$r\u001b\\",
  ],
  ...[
    "\u001b]8;;https://evil.example\u001b\\click\u001b]8;;\u001b\\",
    "\u009b31m",
    "\u009d0;owned\u009c",
    "\u0085",
  ],
  ...["\u0000", "\u0007", "\b\b\b\b", "\u000b", "\u000c", "\u007f", "\t", "\r", "\u0090", "\u200b", "\u00ad"],
  ...[
    "\u202e",
    "\u2066",
    "\u2069",
    "\u200f",
    "\ufeff",
    "\u2028",
    "\u2029",
    "\u2060",
    "\u3164",
    "\u2800",
    "\u{e0041}",
  ],
  ...["\ud800", "\udc00", "\ud83d", "\\u001b[2J", "%1b", "`id`", "$(id)", "</script>"],
  ...[
    "\nFORGED all is well [OK]",
    "\r\nFORGED  ok  HEALTHY",
    "\r\n  fix:      FORGED",
    "\n\n  fix:   FORGED",
  ],
  ...["\rFORGED done", "\u2028FORGED line", "\u0085FORGED line", "\nFORGED\tok", "\u001b[1;1HFORGED"],
];

/** Draws texts of one to twelve such pieces; one in twenty is 20,000 characters long. */
export function hostileTexts(next: () => number): () => string {
  const one = () => PIECES[Math.floor(next() * PIECES.length)] ?? "";
  return () => {
    const text = `x${Array.from({ length: 1 + Math.floor(next() * 12) }, one).join(next() < 0.5 ? "" : "y")}`;
    return next() < 0.05 ? `${text}${"z\u001b".repeat(10_000)}` : text;
  };
}

/** What a terminal would do with what a command printed: characters that act, and lines that pretend to be the command's own. */
export function harmIn(text: string): string[] {
  const forged = /^.{0,3}FORGED.*$|^ {2}fix: +FORGED.*$/m.exec(text)?.[0];
  return [...new Set(actingIn(text, "\n")), ...(forged === undefined ? [] : [forged])];
}

/** Adds the text to every string of a reply that is not an id, a hash or a word by which the reply is recognized. */
function poisoned(value: unknown, text: () => string, name = ""): unknown {
  if (typeof value === "string") {
    const isPlain =
      /^[\w-]{43}$|^[0-9a-f]{64}$/.test(value) ||
      /^(nonce|healthStatus|outcome|state|status|kind|level|type)$/i.test(name);
    return isPlain ? value : `${value}${text()}`;
  }
  if (Array.isArray(value)) return value.map((each) => poisoned(each, text, name));
  if (typeof value !== "object" || value === null) return value;
  const own = (key: string, each: unknown) =>
    /^(commitments|ao-types)$/.test(key) ? each : poisoned(each, text, key);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, own(key, each)]));
}

interface Result {
  readonly Messages?: { Data?: unknown; Tags?: { name: string; value: string }[] }[];
}

/** Such text in every value of every message of a result, and in tags. */
function poisonMessages({ Messages = [] }: Result, text: () => string): void {
  for (const message of Messages) {
    try {
      message.Data = JSON.stringify(poisoned(JSON.parse(String(message.Data)), text));
    } catch {
      message.Data = `${message.Data}${text()}`;
    }
    for (const tag of message.Tags ?? [])
      if (!/^(Correlation-Id|Reference|X-Reference|Status|Ref_|Action)$/.test(tag.name)) tag.value += text();
  }
}

/** An answer of a compute unit with such text in every value of every message, and in tags. @default HOSTILE */
export function poisonedAnswer(answer: Answer, text: () => string = () => HOSTILE): Answer {
  const json = JSON.parse(answer.body.toString()) as Result;
  poisonMessages(json, text);
  return { ...answer, body: Buffer.from(JSON.stringify(json)) };
}

/** The same of a node: results are alone or in an envelope, and a table that a process publishes has the text in every value. Other answers stay. */
export function poisonedByNode(answer: Answer, text: () => string): Answer {
  const { status, headers } = answer;
  const json = jsonIn(answer.body.toString());
  if (status !== 200 || !isTable(json)) return answer;
  const given = (isTable(json.body) ? json.body : jsonIn(String(json.body))) ?? json;
  if (!isTable(given)) return answer;
  const isResult = given.Messages !== undefined;
  if (isResult) poisonMessages(given as Result, text);
  const changed = isResult ? given : poisoned(given, text);
  const body = typeof json.body === "string" ? JSON.stringify(changed) : changed;
  return { status, headers, body: Buffer.from(JSON.stringify(given === json ? changed : { ...json, body })) };
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
