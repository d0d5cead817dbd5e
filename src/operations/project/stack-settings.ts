/** The settings that a new stack starts with, if the project has none for it. */
import { devSettings } from "../../toolchain/setup.ts";
import { PLACEHOLDER, templateFiles } from "../../toolchain/templates.ts";

const KINDS = ["dev", "staging", "prod"] as const;
export type StackKind = (typeof KINDS)[number];

export const isKindOfStack = (name: string): name is StackKind => KINDS.some((kind) => kind === name);

/** The kind of a stack: the named one, otherwise its own name's, otherwise that of the embedded network, which can cost nothing. */
export const kindOfStack = (stack: string, like: StackKind | undefined): StackKind =>
  like ?? (isKindOfStack(stack) ? stack : "dev");

/** The text of a settings file. Each stack has a wallet of its own. */
export function settingsOfKind(kind: StackKind, project: string, stack: string): string {
  if (kind === "dev")
    return devSettings(project)
      .replace(/^#.*\n/gm, "")
      .replace(".fleet/dev-wallet.json", `.fleet/${stack}-wallet.json`);
  const text = templateFiles("minimal").get(`Pulumi.${kind}.yaml`) ?? "";
  return text.replaceAll(PLACEHOLDER.name, project).replace(`wallets/${kind}.json`, `wallets/${stack}.json`);
}
