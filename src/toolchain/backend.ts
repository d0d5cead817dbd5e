/** The folder behind a `file://` backend. */
import { homedir, userInfo } from "node:os";
import { join, resolve } from "node:path";

const FILE = "file://";

/**
 * The folder with the state of a `file://` backend; undefined for any other backend.
 *
 * As in pulumi, `~` is the home folder of the account, a relative folder is relative to the folder where pulumi runs, `%20` is a
 * space, and the part after a `?` contains options.
 *
 * @param cwd the folder where pulumi runs: the project's
 */
export function backendFolder(url: string | undefined, cwd: string): string | undefined {
  if (!url?.startsWith(FILE)) return undefined;
  const path = decoded(url.slice(FILE.length).split("?")[0] ?? "");
  // A drive is written as `file:///C:/state`.
  const own = path.replace(/^\/(?=[A-Za-z]:)/, "");
  return own.startsWith("~") ? join(home(), own.slice(1)) : resolve(cwd, own);
}

/** The `file://` URL of a folder, with the options of the URL that it was read from. */
export const folderUrl = (folder: string, from = ""): string =>
  `${FILE}${folder.replace(/[%?#]/g, encodeURIComponent)}${/\?.*$/s.exec(from)?.[0] ?? ""}`;

/** The account's home folder, as used by pulumi, whatever HOME is. */
function home(): string {
  try {
    return userInfo().homedir;
  } catch {
    return homedir();
  }
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
