/** The behaviour of a scripted process, given in the Lua text as `--[[sim:{…}]]`. Everything is optional. */
export interface Script {
  /** The status that health checks report; a list is used up one per check, and its last entry stays. */
  readonly health?: HealthStatus | readonly HealthStatus[];
  /** Why it is not healthy: the detail of the failing check. */
  readonly reason?: string;
  /** The Eval fails with this Lua error. */
  readonly evalError?: string;
  /** Wall-clock milliseconds that each evaluation takes. */
  readonly slow?: number;
  /** No replies at all, or none to these actions. */
  readonly silent?: boolean | readonly string[];
  /** These actions have no handler: they land in the inbox. */
  readonly missing?: readonly string[];
  /** Peers with these names do not answer its probes. */
  readonly deaf?: readonly string[];
  /** These actions end in a Lua error. */
  readonly errors?: readonly string[];
  /** Reported instead of the committed ones. */
  readonly version?: string;
  readonly release?: string;
  readonly sourceHash?: string;
  /** Replies carry another nonce than the request. */
  readonly wrongNonce?: boolean;
  /** Its library is an earlier one, which does not look for changes by hand: a load leaves them. */
  readonly older?: boolean;
  /** Config of these types is refused as INVALID_CONFIG. */
  readonly refuseConfig?: readonly string[];
  /** The state that EXPORT_STATE returns. */
  readonly state?: Readonly<Record<string, unknown>>;
  /** It carries the router, and answers this to GET_TRAFFIC. */
  readonly traffic?: Readonly<Record<string, unknown>>;
  /** The state report of a load over an earlier one. @default nothing was there */
  readonly kept?: Readonly<Record<string, unknown>>;
}

export type HealthStatus = "HEALTHY" | "DEGRADED" | "UNHEALTHY";

/** A parsed Eval of a deploy: the guard's epoch, the commit's fields and the bundle's declarations. */
export interface Program {
  /** The guard's epoch; undefined without a guard. */
  readonly guard?: number;
  readonly commit?: Commit;
  /** Handlers that the load removes by name. */
  readonly strangers: readonly string[];
  /** The commit is the marker of a bundle without the library. */
  readonly plain: boolean;
  readonly script: Script;
  /** From `fleet.process{…}`; absent if the program does not describe itself. */
  readonly name?: string;
  readonly processType?: string;
  readonly capabilities: readonly string[];
  /** Actions of `fleet.on("…"`, outside of comments. */
  readonly actions: readonly string[];
  /** A top-level `error("…")`: the whole Eval fails with it. */
  readonly error?: { readonly message: string; readonly line: number };
}

export interface Commit {
  readonly release: string;
  readonly sourceHash: string;
  readonly version: string;
  readonly epoch: number;
  readonly process: string;
}

const MARKER = /--\[\[\s*sim:\s*(\{[\s\S]*?\})\s*\]\]/;
const GUARD = /local __e\b[\w, ]*=\s*(\d+)/;
const COMMIT = /Fleet\.commit\(\s*\{([\s\S]*?)\}\s*\)/g;
const PLAIN = /\{[^{}]*"fleet"\s*:\s*"committed"[^{}]*\}/g;
const STRANGERS = /for _, name in ipairs\(\{([^}]*)\}\) do Handlers\.remove\(name\) end/;
/** The modules of the library in a bundle: an error there is not the program's. */
const LIBRARY = /^__fleet_modules\["ao-fleet\/[^\n]*\n[\s\S]*?^end end$/gm;
const ERROR = /^error\(\s*(["'])(.*?)\1\s*(?:,\s*\d+\s*)?\)/m;
const ON = /^(?!\s*--).*?\b[Ff]leet\.on\(\s*["']([\w-]+)["']/gm;
const DECLARED = /^(?!\s*--).*?\b[Ff]leet\.process\s*\(?\s*\{([\s\S]*?)\n?\}\s*\)?\s*(?:;|\n|$)/gm;

/** Reads the script in a source; throws on a marker that is not JSON, which is a mistake of the test. */
export function readScript(source: string): Script {
  const marker = MARKER.exec(source);
  return marker?.[1] === undefined ? {} : (JSON.parse(marker[1]) as Script);
}

/** Reads a deploy's Eval; undefined for any other text. */
export function readProgram(source: string): Program | undefined {
  const guard = GUARD.exec(source)?.[1];
  const commit = readCommit(source);
  const script = readScript(source);
  if (guard === undefined && !commit && Object.keys(script).length === 0) return undefined;
  const declared = [...source.matchAll(DECLARED)].at(-1)?.[1] ?? "";
  const name = field(declared, "name");
  const processType = field(declared, "processType");
  const error = ERROR.exec(source.replace(LIBRARY, (text) => text.replace(/[^\n]+/g, "")));
  return {
    ...(guard === undefined ? {} : { guard: Number(guard) }),
    ...(commit ? { commit: commit.fields } : {}),
    strangers: strings(STRANGERS.exec(source)?.[1] ?? ""),
    plain: commit?.plain ?? false,
    script,
    ...(name === undefined ? {} : { name }),
    ...(processType === undefined ? {} : { processType }),
    capabilities: strings(/capabilities\s*=\s*\{([^}]*)\}/.exec(declared)?.[1] ?? ""),
    actions: [...new Set([...source.matchAll(ON)].map((match) => match[1] ?? ""))].sort(),
    ...(error
      ? { error: { message: error[2] ?? "", line: source.slice(0, error.index).split("\n").length } }
      : {}),
  };
}

function readCommit(source: string): { fields: Commit; plain: boolean } | undefined {
  const fleet = [...source.matchAll(COMMIT)].at(-1)?.[1];
  if (fleet !== undefined) {
    const epoch = /\bepoch\s*=\s*(\d+)/.exec(fleet)?.[1];
    return {
      plain: false,
      fields: {
        release: field(fleet, "release") ?? "",
        sourceHash: field(fleet, "sourceHash") ?? "",
        version: field(fleet, "version") ?? "",
        epoch: Number(epoch ?? 0),
        process: field(fleet, "process") ?? "",
      },
    };
  }
  const plain = [...source.matchAll(PLAIN)].at(-1)?.[0];
  if (plain === undefined) return undefined;
  try {
    const marker = JSON.parse(plain.replaceAll('\\"', '"')) as Partial<Commit>;
    return {
      plain: true,
      fields: {
        release: marker.release ?? "",
        sourceHash: marker.sourceHash ?? "",
        version: marker.version ?? "",
        epoch: marker.epoch ?? 0,
        process: marker.process ?? "",
      },
    };
  } catch {
    return undefined;
  }
}

function field(source: string, key: string): string | undefined {
  const match = new RegExp(`\\b${key}\\s*=\\s*(?:"((?:\\\\.|[^"\\\\])*)"|'((?:\\\\.|[^'\\\\])*)')`).exec(
    source,
  );
  const text = match?.[1] ?? match?.[2];
  return text?.replace(/\\(.)/g, "$1");
}

function strings(source: string): string[] {
  return [...source.matchAll(/["']([^"']+)["']/g)].map((match) => match[1] ?? "");
}
