import { z } from "zod";
import { memberOfConfig, memberOfWiring } from "../../fleet/members/resource-names.ts";

/** The kind of a resource, for display. */
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

const Named = z.looseObject({ name: z.string() });
const InputsSchema = z.looseObject({
  target: Named.optional().catch(undefined),
  targets: z.array(Named).optional().catch(undefined),
  configType: z.string().optional().catch(undefined),
});

/**
 * The member that a resource belongs to, which is the name of its row. A config for several members has its own row.
 *
 * @param inputs the resource's inputs in the engine's event. @default none: the member is derived from the name alone
 */
export function memberOf({ name, kind }: ResourceName, inputs?: unknown): string {
  const { target, targets, configType } = InputsSchema.safeParse(inputs).data ?? {};
  if (kind === "wiring") return target?.name ?? memberOfWiring(name);
  if (kind === "config") {
    const [first, ...others] = targets ?? [];
    if (first) return others.length === 0 ? first.name : name;
    return memberOfConfig(name, configType === undefined ? undefined : [configType]);
  }
  if (kind === "network") return "local network";
  if (kind === "release") return "release";
  if (kind === "traffic") return "traffic";
  return name;
}
