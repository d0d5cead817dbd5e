/** The folder behind a `file://` backend. */
import { homedir, userInfo } from "node:os";
import { join, resolve } from "node:path";

const FILE = "file://";

/**
 * The folder where pulumi keeps the state of a `file://` backend; undefined for any other backend.
 *
 * As for pulumi, `~` is the home folder of the account, a relative folder counts from where pulumi runs, `%20` is a space, and what
 * follows a `?` is an option.
 *
 * @param cwd where pulumi runs: the project's folder
 */
export function backendFolder(url: string | undefined, cwd: string): string | undefined {
  if (!url?.startsWith(FILE)) return undefined;
  const path = decoded(url.slice(FILE.length).split("?")[0] ?? "");
  // `file:///C:/state` is how a drive is written.
  const own = path.replace(/^\/(?=[A-Za-z]:)/, "");
  return own.startsWith("~") ? join(home(), own.slice(1)) : resolve(cwd, own);
}

/** The `file://` URL of a folder, with the options of the URL that it was read from. */
export const folderUrl = (folder: string, from = ""): string =>
  `${FILE}${folder.replace(/[%?#]/g, encodeURIComponent)}${/\?.*$/s.exec(from)?.[0] ?? ""}`;

/** The account's own, as pulumi takes it, whatever HOME says. */
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
