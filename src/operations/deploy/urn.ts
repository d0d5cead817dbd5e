/** What a resource is to people. */
export type Kind = "network" | "process" | "config" | "wiring" | "traffic" | "release" | "other";

const KINDS: Readonly<Record<string, Kind>> = {
  LocalNetwork: "network",
  Process: "process",
  ConfigBundle: "config",
  Wiring: "wiring",
  Traffic: "traffic",
  Release: "release",
};

interface ResourceName {
  readonly name: string;
  readonly kind: Kind;
}

/** `urn:pulumi:dev::ao-fleet::ao:Fleet$pulumi-nodejs:dynamic/ao:Process::battle` → battle, a process. */
export function resourceOf(urn: string): ResourceName {
  const [, , type = "", ...name] = urn.split("::");
  const last = type.split("$").at(-1) ?? "";
  const word = /^pulumi-nodejs:dynamic\/ao:(\w+)$/.exec(last)?.[1];
  return { name: name.join("::"), kind: (word && KINDS[word]) || "other" };
}

/** The member that a config or wiring belongs to: `battle-process-config` → battle. */
export function memberOf({ name, kind }: ResourceName): string {
  if (kind === "wiring") return name.replace(/-wiring(-new)?$/, "");
  if (kind === "config") return name.replace(/-(process-config|[a-z]+-[a-z]+)$/, "");
  if (kind === "network") return "local network";
  if (kind === "release") return "release";
  if (kind === "traffic") return "traffic";
  return name;
}
