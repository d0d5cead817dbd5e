import { sha256 } from "../../core/hash.ts";

/** The kinds of this package's resources, by the last part of their types. */
const NOUNS: Readonly<Record<string, string>> = {
  ConfigBundle: "config-bundle",
  LocalNetwork: "local-network",
  Process: "process",
  Release: "release",
  Traffic: "traffic",
  Wiring: "wiring",
};

/**
 * Providers that versions of this package have written into states: the hash of the text, with the kind left out → the versions. A change
 * of `providers/lazy-provider.ts` adds an entry and removes none, so that a state of an earlier version is recognized.
 */
const KNOWN: Readonly<Record<string, string>> = {
  // From the source.
  df232be3aeb0f976cc42ba618c74e1dfa290ad75b29f449db78b978b0b24f661: "0.1.0 and later",
  // From the package: its compiler adds a function that rewrites the paths of imports.
  "231e0a8ff66f44ff59bf2b3a68ba8dc28e07880a12f1a0341fa0ea61b0f54fb5": "0.1.0 and later",
};

/** The resource's kind as its provider names it; undefined for a resource that is not of this package. */
export const nounOf = (type: string): string | undefined =>
  NOUNS[/^pulumi-nodejs:dynamic\/ao:(\w+)$/.exec(type)?.[1] ?? ""];

/**
 * The hash by which a provider's text is known. White space is left out, because compilers differ in it: the text has no comment, and no
 * string with a space, so what remains are the same tokens.
 */
const providerHash = (text: string, noun: string): string =>
  sha256(
    text
      .replace(`noun: ${JSON.stringify(noun)}`, "noun: *")
      .replace(/\s+/g, " ")
      .trim(),
  );

/** The versions that wrote a provider of a kind; undefined if none did. */
export const writtenBy = (text: string, noun: string): string | undefined => KNOWN[providerHash(text, noun)];
