import { extname } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The program `name` next to a module, to be run in its own thread or process: TypeScript in the repository, JavaScript in the
 * published package.
 *
 * @param from the module's `import.meta.url`
 */
export function sibling(from: string, name: string): URL {
  return new URL(`./${name}${extname(fileURLToPath(from))}`, from);
}
