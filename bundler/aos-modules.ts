/** Modules that every aos image carries without a leading dot. Those with one (`.utils`, `.process`, …) are aos' too. */
const PLAIN = new Set([
  "_G",
  "ao",
  "base64",
  "bit32",
  "coroutine",
  "debug",
  "io",
  "json",
  "lsqlite3",
  "math",
  "os",
  "package",
  "string",
  "table",
  "utf8",
]);

const DOTTED = new Set(
  (
    "ao assignment base64 boot chance chance-utils default dump eval handlers handlers-utils pretty process " +
    "stringify utils"
  ).split(" "),
);

/** True for a name that aos answers itself and that a project's file may take: `json`, `ao`, `string`, … */
export function isPlainAosModule(name: string): boolean {
  return PLAIN.has(name);
}

/** True for a leading-dot name of aos: never a project's file, whatever files there are; only an alias overrules it. */
export function isDottedAosModule(name: string): boolean {
  return name.startsWith(".") && (DOTTED.has(name.slice(1)) || name.startsWith(".crypto"));
}

/** Globals that aos defines and programs may set: no state of the program's own. */
export const AOS_GLOBALS: ReadonlySet<string> = new Set(
  (
    "Assign Bell Colors Dump Errors HANDLER_PRINT_LOGS Handlers Inbox Name Nonce Owner Prompt Receive Seeded Send " +
    "Spawn Tab Utils Version ao print"
  ).split(" "),
);
