import { basename, join, resolve } from "node:path";
import { z } from "zod";
import { networkSetting } from "../../../components/network-setting.ts";
import { defaultOf } from "../../../components/setting-table.ts";
import { embeddedFolder, NETWORK_KINDS, type NetworkRef, NetworkRefSchema } from "../../ao/network.ts";
import { FleetError } from "../../core/errors.ts";
import { isRecord } from "../../core/json.ts";
import { projectFileIn, settingsIn, stackFileIn, stackFolder } from "../../fleet/session/pulumi-files.ts";

const ProjectFileSchema = z.looseObject({
  name: z.string(),
  stackConfigDir: z.string().optional(),
  config: z.record(z.string(), z.union([z.looseObject({ default: z.unknown() }), z.unknown()])).default({}),
});
const StackFileSchema = z.looseObject({ config: z.record(z.string(), z.unknown()).nullish() });

/** A stack's settings from Pulumi's files: Pulumi.<stack>.yaml, then Pulumi.yaml, then the defaults. */
export interface StackConfig {
  readonly project: string;
  readonly stack: string;
  /** The value as a string, an object as JSON as in pulumi; undefined if there is none or it is a secret. */
  get(key: string): string | undefined;
  /** Whether the value is an encrypted secret. */
  isSecret(key: string): boolean;
}

/** The project's own settings. @throws FleetError PROJECT_UNREADABLE */
function projectIn(projectDir: string): z.output<typeof ProjectFileSchema> {
  const file = projectFileIn(projectDir);
  const project = ProjectFileSchema.safeParse(settingsIn(file));
  if (project.success) return project.data;
  throw unreadable(file ?? join(projectDir, "Pulumi.yaml"), project.error, "at least a name");
}

const unreadable = (at: string, error: z.ZodError, expected: string): FleetError =>
  new FleetError({
    code: "PROJECT_UNREADABLE",
    what: `${basename(at)} is not a valid settings file of Pulumi.`,
    at,
    got: z.prettifyError(error),
    expected,
    remedy: "Fix the file.",
  });

/** Whether the project has a settings file of this stack. @throws FleetError PROJECT_UNREADABLE */
export const hasSettings = (projectDir: string, stack: string): boolean =>
  stackFileIn(stackFolder(projectDir, projectIn(projectDir).stackConfigDir), stack) !== undefined;

/** Reads the two files without starting pulumi. @throws FleetError PROJECT_UNREADABLE */
export function readStackConfig(projectDir: string, stack: string): StackConfig {
  const { name, stackConfigDir, config: defaults } = projectIn(projectDir);
  const stackFile = stackFileIn(stackFolder(projectDir, stackConfigDir), stack);
  const own = StackFileSchema.safeParse(settingsIn(stackFile) ?? {});
  if (!own.success) throw unreadable(stackFile ?? "", own.error, "config: a setting on each line");
  const values = own.data.config ?? {};
  const settingOf = (key: string): unknown => {
    const value = values[`${name}:${key}`] ?? values[key];
    if (value !== undefined) return value;
    const declared = defaults[key] ?? defaults[`${name}:${key}`];
    const preset = isRecord(declared) ? (declared.value ?? declared.default) : declared;
    return preset ?? defaultOf(key);
  };
  return {
    project: name,
    stack,
    get(key) {
      const value = settingOf(key);
      if (value === undefined || value === null || (isRecord(value) && "secure" in value)) return undefined;
      return isRecord(value) ? JSON.stringify(value) : String(value);
    },
    isSecret(key) {
      const value = settingOf(key);
      return isRecord(value) && "secure" in value;
    },
  };
}

/** The network with an absolute folder, if it has one. */
export const withAbsoluteFolder = (projectDir: string, network: NetworkRef): NetworkRef =>
  network.kind === "local" ? { ...network, dir: resolve(projectDir, network.dir) } : network;

/** The network of the stack's fleet. @throws FleetError NETWORK_INVALID */
export function networkOf(config: StackConfig, projectDir: string): NetworkRef {
  const ref = networkSetting((key) => config.get(key) ?? "");
  const parsed = NetworkRefSchema.safeParse(ref);
  if (parsed.success) return withAbsoluteFolder(projectDir, parsed.data);
  throw new FleetError({
    code: "NETWORK_INVALID",
    what: `Invalid network settings of the stack ${config.stack}.`,
    at: `Pulumi.${config.stack}.yaml`,
    got: z.prettifyError(parsed.error),
    expected: `network: ${NETWORK_KINDS.join(" or ")}, with the addresses of its units`,
    remedy: "Fix the stack's settings: pulumi config set <key> <value>",
  });
}

/** The folder of the stack's embedded network, even if the stack uses another network. @throws FleetError NETWORK_INVALID */
export function localFolderOf(config: StackConfig, projectDir: string): string {
  const get = (key: string) => (key === "network" ? "local" : config.get(key));
  const folder = embeddedFolder(networkOf({ ...config, get }, projectDir));
  if (folder === null) throw new Error("the embedded network has no folder");
  return folder;
}
