/** One part of a path: `compute=12&Action=Info` is the key `compute` with the value `12` and one parameter. */
export interface Segment {
  readonly key: string;
  readonly value: string | undefined;
  readonly parameters: Readonly<Record<string, string>>;
}

/** A path of a HyperBEAM node: a process or a device, then what is asked of it. */
export interface NodePath {
  /** The id of `<id>~process@1.0`. */
  readonly process: string | undefined;
  /** The device of `~scheduler@1.0`; undefined for a process or an item. */
  readonly device: string | undefined;
  /** The first segment as it stands, for an item's id. */
  readonly first: string;
  readonly rest: readonly Segment[];
  /** Parameters of the whole request. */
  readonly query: Readonly<Record<string, string>>;
}

const PROCESS = /^([\w-]{43})(?:~process@1\.0)?$/;
const DEVICE = /^~([a-z0-9-]+@[0-9a-z.]+)$/;

/** Parses the URL of a request; undefined if its escapes are damaged. */
export function nodePath(url: string): NodePath | undefined {
  const { pathname, searchParams } = new URL(url);
  try {
    const [first = "", ...rest] = pathname.split("/").filter((part) => part !== "");
    const name = decodeURIComponent(first);
    return {
      process: PROCESS.exec(name)?.[1],
      device: DEVICE.exec(name)?.[1],
      first: name,
      rest: rest.map(segment),
      query: Object.fromEntries(searchParams),
    };
  } catch {
    return undefined;
  }
}

function segment(text: string): Segment {
  const [head = "", ...parameters] = text.split("&");
  const [key, value] = pair(head);
  return {
    key,
    value,
    parameters: Object.fromEntries(
      parameters.map((each) => pair(each)).map(([name, content]) => [name, content ?? ""]),
    ),
  };
}

function pair(text: string): [string, string | undefined] {
  const at = text.indexOf("=");
  if (at < 0) return [decodeURIComponent(text), undefined];
  return [decodeURIComponent(text.slice(0, at)), decodeURIComponent(text.slice(at + 1))];
}
