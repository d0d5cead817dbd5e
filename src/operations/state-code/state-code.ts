/** The code that a stack's state contains: Pulumi runs it at every refresh, update and destroy, on the machine of whoever calls it. */
import { z } from "zod";
import { sha256 } from "../../core/hash.ts";
import { nounOf, writtenBy } from "./known-providers.ts";

/** Something in a state that runs and is not this package's. */
export interface StateCodeProblem {
  /** `STATE_CODE_UNKNOWN`: a provider's text. `STATE_PLUGIN_URL`: a program that pulumi, or a provider with parameters, would download. */
  readonly code: "STATE_CODE_UNKNOWN" | "STATE_PLUGIN_URL";
  /** The resource. */
  readonly urn: string;
  readonly detail: string;
  /** sha256 of the text as it is in the state, by which it can be accepted; absent for what is not text. */
  readonly sha256?: string;
}

const ResourceSchema = z.looseObject({
  urn: z.string(),
  type: z.string(),
  inputs: z.record(z.string(), z.unknown()).nullish(),
  outputs: z.record(z.string(), z.unknown()).nullish(),
});
type Resource = z.output<typeof ResourceSchema>;

const StateSchema = z.looseObject({
  deployment: z.looseObject({
    resources: z.array(ResourceSchema).nullish(),
    // What a killed run was creating; its resource is in no other list.
    pending_operations: z.array(z.looseObject({ resource: ResourceSchema })).nullish(),
  }),
});

/** The key under which Pulumi keeps a provider's text. */
const PROVIDER = "__provider";

/**
 * Every resource of a state with code that no version of this package wrote. Runs nothing of it. Pure.
 *
 * @param raw the output of `pulumi stack export` as JSON
 * @param trusted hashes (sha256) of other texts that are accepted, such as those of the program's own dynamic providers
 * @returns the problems, and how many resources with code there are; undefined if this is no state
 */
export function codeInState(
  raw: unknown,
  trusted: readonly string[] = [],
): { readonly checked: number; readonly problems: readonly StateCodeProblem[] } | undefined {
  const state = StateSchema.safeParse(raw).data;
  if (state === undefined) return undefined;
  const { resources, pending_operations: pending } = state.deployment;
  const all = [...(resources ?? []), ...(pending ?? []).map(({ resource }) => resource)];
  const found = all.map((resource) => ({ texts: textsOf(resource), resource }));
  return {
    checked: found.filter(({ texts }) => texts.length > 0).length,
    problems: found.flatMap(({ texts, resource }) => [
      ...unknownCode(resource, texts, trusted),
      ...downloads(resource),
    ]),
  };
}

/** What Pulumi may run of a resource: it reads the text from the inputs at an update, and from the outputs at a refresh. */
const textsOf = ({ inputs, outputs }: Resource): unknown[] => [
  ...new Set(
    [inputs, outputs].flatMap((values) => (values?.[PROVIDER] === undefined ? [] : [values[PROVIDER]])),
  ),
];

function unknownCode(
  { urn, type }: Resource,
  texts: readonly unknown[],
  trusted: readonly string[],
): StateCodeProblem[] {
  const noun = nounOf(type);
  return texts.flatMap((text): StateCodeProblem[] => {
    const code = "STATE_CODE_UNKNOWN";
    if (typeof text !== "string") return [{ code, urn, detail: "its provider is not plain text" }];
    const hash = sha256(text);
    if (trusted.includes(hash) || (noun !== undefined && writtenBy(text, noun) !== undefined)) return [];
    const whose =
      noun === undefined ? `a resource of another package (${type})` : "no version of ao-fleet wrote it";
    return [{ code, urn, detail: `its provider's text has sha256 ${hash}: ${whose}`, sha256: hash }];
  });
}

/**
 * A state may also name where pulumi downloads the program of a provider, which then runs; or give parameters to a provider that downloads and runs the
 * one that they name, as the bridge for Terraform providers does.
 */
function downloads({ urn, type, inputs, outputs }: Resource): StateCodeProblem[] {
  if (!type.startsWith("pulumi:providers:")) return [];
  const given = [inputs, outputs].flatMap((values) => [values ?? undefined, internal(values)]);
  const first = (key: string) => given.map((values) => values?.[key]).find((value) => value !== undefined);
  const [url, parameters, name = type] = ["pluginDownloadURL", "parameterization", "name"].map(first);
  const details = [
    ...(url === undefined ? [] : [`pulumi would download its program from ${String(url)}`]),
    ...(parameters === undefined
      ? []
      : [
          `pulumi would run the provider ${String(name)} with parameters that name another program to download: ${readable(parameters)}`,
        ]),
  ];
  return details.map((detail) => ({ code: "STATE_PLUGIN_URL", urn, detail }));
}

/** Parameters are base64 of text that only their provider reads. */
function readable(parameters: unknown): string {
  const text = typeof parameters === "string" ? parameters : JSON.stringify(parameters);
  const decoded = Buffer.from(text, "base64").toString("utf8");
  return (/^[\x20-\x7e]+$/.test(decoded) ? decoded : text).slice(0, MOST_SHOWN);
}

/** Characters of parameters that are shown. */
const MOST_SHOWN = 200;

const internal = (values: Resource["inputs"]): Record<string, unknown> | undefined =>
  z.record(z.string(), z.unknown()).safeParse(values?.__internal).data;
