import { capacityOf, type NetworkRef } from "../src/ao/network.ts";
import type { Problem } from "../src/core/errors.ts";
import { isUtf8, startOf } from "../src/core/unicode.ts";
import type { DeclaredProcess } from "../src/fleet/releases/declared.ts";

/** Bytes of a message in addition to its settings: signature, tags and the program that sets them. */
const ENVELOPE = 8_000;

/**
 * Settings of a member that would not arrive as they are declared: text that is not UTF-8, and more than the network takes in one message.
 * Bytes of a program's own strings that are not UTF-8 are escaped in its bundle. Pure.
 */
export function dataProblems(
  network: NetworkRef,
  name: string,
  config: DeclaredProcess["config"],
): Problem[] {
  const { maxMessageBytes, uploadsMessages } = capacityOf(network);
  return Object.entries(config).flatMap(([type, settings]) => {
    const at = `processes.${name}.config.${type}`;
    const bytes = Buffer.byteLength(JSON.stringify(settings)) + ENVELOPE;
    return [
      ...textsIn(settings, at).flatMap(([path, text]) => (isUtf8(text) ? [] : [notUtf8(path, text)])),
      ...(bytes > maxMessageBytes && !uploadsMessages ? [tooLarge(at, bytes, maxMessageBytes)] : []),
    ];
  });
}

/** Every string in a value with its path, names of settings included. */
function textsIn(value: unknown, at: string): [path: string, text: string][] {
  if (typeof value === "string") return [[at, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, member]): [string, string][] => [
    [at, key],
    ...textsIn(member, `${at}.${key}`),
  ]);
}

const notUtf8 = (at: string, text: string): Problem => ({
  code: "TEXT_NOT_UTF8",
  what: "A setting contains half of a surrogate pair, which UTF-8 cannot express: it would not arrive as it is.",
  at,
  got: startOf(JSON.stringify(text), 120),
  expected: "text that UTF-8 can express",
  remedy: "Fix the text, or encode it, for example as base64.",
});

const tooLarge = (at: string, got: number, limit: number): Problem => ({
  code: "SETTINGS_TOO_LARGE",
  what: "These settings are too large for one message of this network.",
  at,
  got: `${got} bytes as a message`,
  expected: `at most ${limit} bytes (maxMessageBytes)`,
  remedy: "Make the settings smaller, or split them into several config types.",
});
