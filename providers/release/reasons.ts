import { hashOf } from "../../src/core/hash.ts";
import type { ReleaseInputs, ReleaseOutputs } from "./schema.ts";
import { unwiredIn } from "./unwire.ts";

/**
 * Why a release differs from the one before. A preview, and the run that makes the release, both print it, so it says how the two differ and
 * not what was sent. Pure.
 */
export function reasonsOf(olds: ReleaseOutputs, news: ReleaseInputs): string[] {
  const { added, changed, removed } = differencesOf(olds.members, news.members);
  const moved = changed.filter((name) => olds.members[name]?.processId !== news.members[name]?.processId);
  const loaded = changed.filter((name) => !moved.includes(name));
  const sent = differencesOf(olds.evidence, news.evidence);
  const lists: [string, readonly string[]][] = [
    ["new members", added],
    ["members in another process", moved],
    ["members loaded since the last release", loaded],
    ["members removed", removed],
    ["new settings or wiring", sent.added],
    ["settings or wiring that differ from the last release", sent.changed],
    ["settings or wiring removed", sent.removed],
    ["members that no longer have peers, and are told", unwiredIn(olds, news)],
  ];
  return [
    ...(hashOf(news.declaration) === olds.releaseHash ? [] : ["the declaration changed"]),
    ...lists.flatMap(([what, names]) => (names.length === 0 ? [] : [`${what}: ${names.join(", ")}`])),
    ...(hashOf(news.warm ?? {}) === hashOf(olds.warm ?? {})
      ? []
      : ["the members that run outside the release changed"]),
  ];
}

/** Names that one of two records has, or both with another value; sorted. */
function differencesOf(before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>) {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return {
    added: names.filter((name) => before[name] === undefined),
    removed: names.filter((name) => after[name] === undefined),
    changed: names.filter(
      (name) =>
        before[name] !== undefined &&
        after[name] !== undefined &&
        hashOf(before[name]) !== hashOf(after[name]),
    ),
  };
}
