import { FleetError, type Problem } from "../../core/errors.ts";
import type { Tags } from "../port.ts";

/** Tag names that a node takes for parts of the message itself, or cannot encode: it answers with an error, or loses the tag. */
const OWN_NAMES = new Set([
  "device",
  "priv",
  "signature",
  "body",
  "path",
  "method",
  "target",
  "anchor",
  "data",
  "dryrun",
]);
const BREAKS = /[.+\s]/;

/** The most bytes that a data item's tags may have in total. */
const TAG_BYTES = 4096;

/** @throws FleetError `TAGS_INVALID` with every tag that a node would refuse, lose, or take for something else */
export function checkTags(tags: Tags, at: string): void {
  const problems: Problem[] = [];
  const add = (what: string, got: string, expected: string) =>
    problems.push({
      code: "TAGS_INVALID",
      what,
      at,
      got,
      expected,
      remedy: "Change the tag; long content belongs in the data.",
    });
  let bytes = 0;
  for (const [name, value] of Object.entries(tags)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value) + 4;
    if (name === "" || value === "")
      add("A tag is empty", `${name || "(no name)"}: ${value || "(no value)"}`, "a name and a value");
    if (OWN_NAMES.has(name.toLowerCase()))
      add(`The tag ${name} is a part of the message on a HyperBEAM node`, name, "another name");
    if (BREAKS.test(name))
      add(
        `A HyperBEAM node cannot encode the tag name ${name}`,
        name,
        "a name without dots, pluses and spaces",
      );
  }
  if (bytes > TAG_BYTES) add("The tags are too large", `${bytes} bytes`, `at most ${TAG_BYTES} bytes`);
  const [first, ...rest] = problems;
  if (first) throw new FleetError([first, ...rest]);
}
