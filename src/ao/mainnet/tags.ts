import { type Problem, throwAll } from "../../core/errors.ts";
import type { Tags } from "../port.ts";
import { tagProblems as sharedTagProblems } from "../shared/tags.ts";

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

/** @throws FleetError `TAGS_INVALID` with every tag that a node would refuse, lose, or take for something else */
export const checkTags = (tags: Tags, at: string): void => throwAll(tagProblems(tags, at));

/** Every tag that a node would refuse, lose, or take for something else. Pure. */
export const tagProblems = (tags: Tags, at: string): Problem[] =>
  sharedTagProblems(tags, at, (name) => {
    if (OWN_NAMES.has(name.toLowerCase())) {
      return {
        what: `The tag ${name} is a part of the message on a HyperBEAM node.`,
        expected: "another name",
      };
    }
    if (BREAKS.test(name)) {
      return {
        what: `A HyperBEAM node cannot encode the tag name ${name}.`,
        expected: "a name without dots, pluses and spaces",
      };
    }
    return undefined;
  });
