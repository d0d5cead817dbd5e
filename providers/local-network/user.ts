import { sha256 } from "../../src/core/hash.ts";

/** The resource that uses a network. */
interface Using {
  readonly project: string;
  readonly stack: string;
  /** The resource's name. */
  readonly name: string;
  /** Absolute: two clones of a project are two users. */
  readonly folder: string;
}

/** The name under which a folder's network lists a resource, e.g. `game/dev/game-network@1f0c22ab`. Pure. */
export const userName = ({ project, stack, name, folder }: Using): string =>
  `${project}/${stack}/${name}@${sha256(folder).slice(0, 8)}`;
