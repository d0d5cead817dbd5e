/** The part of a module that a comparison needs. */
export interface NamedHash {
  readonly name: string;
  readonly hash: string;
}

export interface ModuleChanges {
  readonly changed: string[];
  readonly added: string[];
  readonly removed: string[];
}

/** The modules that differ between two bundles, as a plan shows them: sorted names. */
export function changedModules(before: readonly NamedHash[], after: readonly NamedHash[]): ModuleChanges {
  const old = new Map(before.map(({ name, hash }) => [name, hash]));
  const now = new Map(after.map(({ name, hash }) => [name, hash]));
  return {
    changed: [...now]
      .filter(([name, hash]) => old.has(name) && old.get(name) !== hash)
      .map(([name]) => name)
      .sort(),
    added: [...now.keys()].filter((name) => !old.has(name)).sort(),
    removed: [...old.keys()].filter((name) => !now.has(name)).sort(),
  };
}
