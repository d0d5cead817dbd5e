import type { Output } from "@pulumi/pulumi";
import type { z } from "zod";
import type { CONFIG_TYPES, ConfigType } from "../src/fleet/config/types.ts";
import type { FleetDeclarationSchema, ProcessDeclarationSchema } from "./declaration.ts";

type Names<N extends string> = {
  /** Members that must be healthy before this one is deployed. @default none */
  dependsOn?: readonly NoInfer<N>[];
  /** Members whose ids it receives, so that it can call them. Cycles are allowed. @default none */
  peers?: readonly NoInfer<N>[];
  /**
   * Names of members and addresses that may change it, in addition to its owner. An address is a string too, so names are checked by the
   * plan and not by the compiler. @default none
   */
  allowed?: readonly string[];
};

/** A secret of the stack's config, as `config.requireSecret` returns it. */
type SecretInput = Output<string>;
type SecretsInput = { readonly [configType: string]: Readonly<Record<string, SecretInput>> };

/** What a service refers to. A misspelt member does not compile. */
type ServiceInput<N extends string> =
  | { readonly member: NoInfer<N> }
  | { readonly process: string }
  | { readonly wallet: string }
  | { readonly url: string };

/** Settings as a program writes them. A misspelt type or setting does not compile. */
type ConfigInput<N extends string, T extends string = never> = {
  readonly [K in Exclude<ConfigType, "SERVICES">]?: Partial<z.input<(typeof CONFIG_TYPES)[K]>>;
} & { readonly SERVICES?: Readonly<Record<string, ServiceInput<N>>> } & {
  readonly [K in NoInfer<T>]?: Readonly<Record<string, unknown>>;
};

/** Fields whose input type is narrower than what the schema accepts. */
type TypedHere = "config" | "secrets" | "overrides" | "secretOverrides" | "configTypes" | "allowed";

/**
 * One member as a program writes it. A misspelt dependency or peer does not compile.
 *
 * @example
 * ```ts
 * import type { ProcessInput } from "ao-fleet";
 *
 * export const shop: ProcessInput<"shop" | "coordinator"> = {
 *   dependsOn: ["coordinator"],
 *   peers: ["coordinator"],
 *   health: { timeoutSeconds: 60 },
 * };
 * ```
 */
export type ProcessInput<N extends string, T extends string = never> = Omit<
  z.input<typeof ProcessDeclarationSchema>,
  "dependsOn" | "peers" | TypedHere
> &
  Names<N> & {
    /** Settings by config type. They override the fleet's. @default none */
    config?: ConfigInput<N, T>;
    /** Secret settings by config type. They are sealed to `sealTo` before they are sent. @default none */
    secrets?: SecretsInput;
  };

/**
 * A fleet as a program writes it.
 *
 * @example
 * ```ts
 * import * as pulumi from "@pulumi/pulumi";
 * import { type FleetInput, settings } from "ao-fleet";
 *
 * export const market: FleetInput<"shop" | "coordinator"> = {
 *   ...settings(new pulumi.Config()),
 *   processes: { coordinator: { peers: ["shop"] }, shop: { dependsOn: ["coordinator"] } },
 * };
 * ```
 */
export type FleetInput<N extends string, T extends string = never> = Omit<
  z.input<typeof FleetDeclarationSchema>,
  "processes" | "ledger" | "router" | TypedHere
> & {
  /** Member that keeps the ledger and the epoch. Without one, concurrent runs are not fenced off. @default none */
  ledger?: NoInfer<N>;
  /** Member that carries the router. @default "coordinator", if there is one */
  router?: NoInfer<N>;
  /** The fleet's own config types, each with its zod schema. @default none */
  configTypes?: Readonly<Record<T, z.ZodType>>;
  /** Settings of every member, by config type. @default none */
  config?: ConfigInput<N, T>;
  /** Secret settings of every member, by config type. @default none */
  secrets?: SecretsInput;
  /** The stack's settings: member's name or `*` → config type → setting. @default none */
  overrides?: OverridesInput;
  /** The stack's secrets in the same form, as `config.requireSecretObject` returns them. @default none */
  secretOverrides?: Output<Readonly<Record<string, SecretsText>>>;
  /** Names of members and addresses that may change every member, in addition to its owner. @default what is allowed stays as it is */
  allowed?: readonly string[];
  /** The members by name. */
  processes: Record<N, ProcessInput<N, T>>;
};

/** Secrets as the stack's config stores them: config type → setting → string. */
type SecretsText = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** A stack's settings: member's name or `*` → config type → setting. */
export type OverridesText = Readonly<
  Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>
>;
/** An output compiles, because a stack's config may contain secrets; the preview rejects it with SETTING_SECRET. */
export type OverridesInput = OverridesText | Output<OverridesText | undefined>;
