/**
 * Text from the network is data. Whatever a process, a node or a stranger wrote is shown by these functions: none of its characters acts on
 * a terminal, hides, reorders text, or begins a line.
 */

/**
 * Characters that act or that nobody sees: controls (with line feed, ESC and C1), format characters (bidirectional, zero-width, tags),
 * separators of lines, halves of surrogate pairs, and what is drawn as nothing. The joiners within an emoji are not among them.
 */
export const UNPRINTABLE =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: the joiners and the variation selector are meant themselves.
  /(?!(?<=\p{Extended_Pictographic})\ufe0f|(?<=[\p{Extended_Pictographic}\p{Emoji_Modifier}\ufe0f])\u200d(?=\p{Extended_Pictographic}))[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** A character as its escape in JSON: `\n`, `\u001b`, `\u202e`; beyond the first plane, both halves. Pure. */
export function escapeCharacter(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\r") return "\\r";
  if (character === "\t") return "\\t";
  let escaped = "";
  for (let at = 0; at < character.length; at += 1)
    escaped += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  return escaped;
}

/** The text as one line that a terminal only shows. Pure. */
export const printable = (text: string): string => text.replace(UNPRINTABLE, escapeCharacter);

/** The text as lines that a terminal only shows; tabs are four spaces. Prefix or indent those of a process. Pure. */
export const printableLines = (text: string): string[] =>
  text.split(/\r?\n/).map((line) => printable(line.replaceAll("\t", "    ")));

/** Text of others, such as a message of pulumi: one line, or the further lines indented so that they are not taken for ours. Pure. */
export const continued = (text: string, inset = "    "): string[] =>
  printableLines(text).map((line, index) => (index === 0 ? line : `${inset}${line}`));

/** A word that a process chose, such as an action: quoted unless it is one word, so that it does not continue the sentence around it. Pure. */
export const quoted = (word: string): string =>
  /^[\p{L}\p{N}\p{P}\p{S}]+$/u.test(word) && !word.startsWith('"') ? word : printable(JSON.stringify(word));

/** JSON as it is written to a terminal: the same value, with an escape for each of these characters. The line feeds between its parts stay. Pure. */
export const printableJson = (json: string): string =>
  json.replace(UNPRINTABLE, (character) => (character === "\n" ? character : escapeCharacter(character)));
