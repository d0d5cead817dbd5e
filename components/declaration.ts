import type { Output } from "@pulumi/pulumi";
import { z } from "zod";
import { AdoptSchema } from "../providers/process/schema.ts";
import { NetworkRefSchema } from "../src/ao/network.ts";
import { FaultRulesSchema, RoutedSchema } from "../src/delivery/faults.ts";
import {
  GlobalsSchema,
  StatePolicySchema,
  StrategySchema,
  TrafficKeySchema,
} from "../src/delivery/strategy.ts";
import { TestersSchema } from "../src/delivery/testers.ts";
import type { CONFIG_TYPES, ConfigType } from "../src/fleet/config/types.ts";
import { ProbeSchema } from "../src/fleet/health/probe-message.ts";
import { HealthPolicySchema } from "../src/fleet/health/schema.ts";
import { Hidden } from "./hidden.ts";

const name = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,62}$/,
    "a name has lower case letters, digits and hyphens and starts with a letter",
  );

/** Config type → setting → value. What each may be is checked when all layers are together. */
const settings = z.record(z.string(), z.record(z.string(), z.unknown()));
/** Config type → setting → secret. */
const secrets = z.record(
  z.string(),
  z.record(
    z.string(),
    z.instanceof(Hidden, { error: 'a secret of the stack\'s config: config.requireSecret("…")' }),
  ),
);
/** Who may change a process beside its owner. */
const allowed = z.array(
  z.union([name, z.string().regex(/^[A-Za-z0-9_-]{43}$/)], {
    error: "the name of a member, or an address of 43 characters",
  }),
);

/** How the Lua of a member becomes one text. Paths are relative to the project. */
const BundlingSchema = z.strictObject({
  /** Further folders in which `require` finds modules, before `processes/lib`, the library that the package brings and the folder above the program's own. @default none */
  search: z.array(z.string().min(1)).default([]),
  /** Modules left to the process' own `require`; a trailing `*` matches any rest. aos' own need not be named. @default none */
  externals: z.array(z.string().min(1)).default([]),
  /** Another name for a module: name → module name or file. @default none */
  aliases: z.record(z.string().min(1), z.string().min(1)).default({}),
  /** Modules that are carried although only computed names require them. @default none */
  include: z.array(z.string().min(1)).default([]),
  /** Globals set before the first module runs. Any text arrives byte for byte; secrets do not belong here: code is public. @default none */
  constants: z.record(z.string().min(1), z.union([z.string(), z.number(), z.boolean()])).default({}),
  /** Globals that the program owns; assigning any other is warned of. @default none */
  state: z.array(z.string().min(1)).default([]),
  /** Whether comments and needless spaces are left out. Lines stay, so errors still name yours. @default false */
  minify: z.boolean().default(false),
  /** What it may cost. */
  budget: z
    .strictObject({
      /** Largest bundle in bytes. @default what the network takes */
      maxBytes: z.number().int().positive().optional(),
    })
    .default({}),
});

/** A WebAssembly module of the project's own: published once for its content, by the stack's wallet. */
const WasmModuleSchema = z.strictObject({
  /** The `.wasm` file, relative to the project. */
  wasm: z.string().min(1),
  /** Its `Module-Format`. @default by the size of its addresses: "wasm64-unknown-emscripten-draft_2024_02_15" or "wasm32-unknown-emscripten4" */
  format: z.string().min(1).optional(),
  /** How messages come in. @default "JSON-V1" */
  inputEncoding: z.string().min(1).default("JSON-V1"),
  /** How results go out. @default "JSON-V1" */
  outputEncoding: z.string().min(1).default("JSON-V1"),
  /** Memory that a process may have. @default "1-gb" */
  memoryLimit: z
    .string()
    .regex(/^[1-9]\d*-(kb|mb|gb)$/, 'a number and a unit, such as "500-mb"')
    .default("1-gb"),
  /** Gas that one evaluation may use. @default "9000000000000" */
  computeLimit: z
    .string()
    .regex(/^[1-9]\d*$/, "a number in digits")
    .default("9000000000000"),
  /** Extra tags. @default none */
  tags: z.record(z.string(), z.string()).default({}),
});

/** What a member's state allows, or the globals that are its state. */
const StateSchema = z.union(
  [
    StatePolicySchema,
    z.strictObject({
      /** Globals that a hand-over, a backup and a rollback carry, and no others. */
      globals: GlobalsSchema,
    }),
  ],
  { error: '"none", "partitioned", "owned", or { globals: ["Balances", …] }' },
);

/** One member as a person declares it. */
export const ProcessDeclarationSchema = z.strictObject({
  /** The program, relative to the project: a Lua file, a folder, or `npm:<package>`. @default "processes/<name>/process.lua" */
  source: z.string().min(1).optional(),
  /** Version that the process must report. @default the fleet's */
  version: z.string().min(1).max(64).optional(),
  /** Members that must be healthy first. @default none */
  dependsOn: z.array(name).default([]),
  /** Members whose ids it is told; cycles are allowed. @default none */
  peers: z.array(name).default([]),
  /** Settings by [config type](config-bundle.md#config-types), over those of the fleet. @default none */
  config: settings.default({}),
  /** Secret settings by config type: sealed to `sealTo` before they are sent, encrypted in the state. @default none */
  secrets: secrets.default({}),
  /** Public key that its secrets are sealed to: a PEM or a JWK, RSA (from 2048 bits) or X25519. @default the fleet's */
  sealTo: z.string().optional(),
  /** Members and addresses that may change it beside its owner, besides those of the fleet. @default none */
  allowed: allowed.default([]),
  /** AO module: an alias of the network, an id, or a WebAssembly file of the project. Fixed at the spawn. @default the fleet's */
  module: z.union([z.string().min(1), WasmModuleSchema]).optional(),
  /** Extra spawn tags. With `Cron-Interval` the messenger unit is asked to drive its crons. @default none */
  tags: z.record(z.string(), z.string()).default({}),
  /** When a new revision counts as healthy; what is not named is the fleet's. @default the fleet's */
  health: HealthPolicySchema.partial().optional(),
  /** Seconds for a create or update of this process. @default the fleet's */
  timeoutSeconds: z.number().positive().optional(),
  /** Whether the library (`fleet`) is put before the program; without it nothing of the fleet is in the process. @default true */
  lib: z.boolean().default(true),
  /** How its Lua becomes one text. */
  bundle: BundlingSchema.prefault({}),
  /** Codes of warnings and of bundling errors that are accepted, each with its reason. @default none */
  silence: z.record(z.string(), z.string()).default({}),
  /**
   * Whether a new process is spawned with its code, so that it runs from its first message on: one message less. What is too large
   * for one message is loaded afterwards all the same. @default false
   */
  onBoot: z.boolean().default(false),
  /** Existing AO process to take over instead of spawning: its id, or `{ name }` as it was spawned. @default none */
  adopt: AdoptSchema.optional(),
  /** How its new code comes into use, and its traffic to it. @default the fleet's; the router and the ledger are loaded in place */
  strategy: StrategySchema.optional(),
  /**
   * What its state allows: `none` splits freely; `partitioned` by its callers' keys, which take along what they have; `owned` switches as a
   * whole, after a hand-over. `{ globals: [...] }` is `owned`, and names the globals that go along; otherwise those that messages changed are
   * found. Local variables of the program never go along. @default "owned"
   */
  state: StateSchema.default("owned"),
  /** By what its callers are told apart when they are split: `sender`, `tag:<Name>` or `data:<member>`. @default "sender" */
  trafficKey: TrafficKeySchema.default("sender"),
  /**
   * What marks its reply as a fault, where it does not answer as the fleet's library does; the first rule that holds decides.
   * @default aos' conventions: a tag `Error`, an action `Error` or `…-Error`, `success: false`
   */
  faultWhen: FaultRulesSchema.optional(),
  /** Its actions that the router carries for anybody. @default all but those of the fleet's library, where its traffic is given by a table */
  routed: RoutedSchema.optional(),
  /** Requests with this tag and value go to a new revision as soon as it is proved, whatever its share. @default none */
  testers: TestersSchema.optional(),
  /** Messages that it must answer as expected when it knows its peers, before anything is built on it. @default none */
  probes: z.array(ProbeSchema).max(50).default([]),
});

/** A fleet as a person declares it. Times are seconds. */
export const FleetDeclarationSchema = z.strictObject({
  /** Where the fleet lives. */
  network: NetworkRefSchema,
  /** AO module: an alias of the network, an id, or a WebAssembly file of the project. @default "aos" */
  module: z.union([z.string().min(1), WasmModuleSchema]).default("aos"),
  /** Version of members that name none. @default "1.0.0" */
  version: z.string().min(1).max(64).default("1.0.0"),
  /** Health policy of members that name none. */
  health: HealthPolicySchema.prefault({}),
  /** Seconds for a create or update of one process. @default 600 */
  timeoutSeconds: z.number().positive().max(86_400).default(600),
  /** Member that keeps the ledger and the epoch. @default none */
  ledger: name.optional(),
  /** Only these are deployed; the others stay as they run now. @default all */
  only: z.array(name).optional(),
  /** Pulumi's protection of the processes against deletion. @default false */
  protect: z.boolean().default(false),
  /** Settings of every member, by config type. @default none */
  config: settings.default({}),
  /** Secret settings of every member, by config type. @default none */
  secrets: secrets.default({}),
  /** Public key that secrets are sealed to. @default none */
  sealTo: z.string().optional(),
  /** Settings of this stack, over those of the fleet and its members: name of a member, or `*` → config type → setting. @default none */
  overrides: z.record(z.string(), settings).default({}),
  /** Secrets of this stack in the same form, over those of the program. @default none */
  secretOverrides: z.record(z.string(), secrets).default({}),
  /** Config types of the fleet's own, each with its zod schema; its processes check by the same rules. @default none */
  configTypes: z
    .record(
      z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/),
      z.custom<z.ZodType>((value) => value instanceof z.ZodType, { error: "a zod schema" }),
    )
    .default({}),
  /**
   * Members and addresses that may change every member beside its owner. The ledger distributes settings, and the admin shuts
   * down, only where they are named. @default what is allowed stays as it is
   */
  allowed: allowed.optional(),
  /** How new code comes into use, and traffic to it. @default in place, by levels: what depends on nothing that waits is loaded at once */
  strategy: StrategySchema.optional(),
  /** Member that carries the router. @default "coordinator", where there is one */
  router: name.optional(),
  /** Revisions of a member that are held, the one in use among them; for `blue-green`. @default 2 */
  heldRevisions: z.number().int().min(1).max(20).default(2),
  /** The members by name. */
  processes: z.record(name, ProcessDeclarationSchema),
});

/** A WebAssembly module of the project's own, checked, defaults filled in. */
export type WasmModule = z.output<typeof WasmModuleSchema>;
/** A member, checked, defaults filled in. */
export type ProcessDeclaration = z.output<typeof ProcessDeclarationSchema>;
/** A fleet, checked, defaults filled in. */
export type FleetDeclaration = z.output<typeof FleetDeclarationSchema>;

type Names<N extends string> = {
  dependsOn?: readonly NoInfer<N>[];
  peers?: readonly NoInfer<N>[];
  /** A name of a member or an address; which names there are is checked by the plan, since an address is a text too. */
  allowed?: readonly string[];
};

/** A secret of the stack's config, as `config.requireSecret` gives it. */
type SecretInput = Output<string>;
type SecretsInput = { readonly [configType: string]: Readonly<Record<string, SecretInput>> };

/** What a service may be: a misspelt member does not compile. */
type ServiceInput<N extends string> =
  | { readonly member: NoInfer<N> }
  | { readonly process: string }
  | { readonly wallet: string }
  | { readonly url: string };

/** Settings as they are written in a program: a misspelt type or setting does not compile. */
type ConfigInput<N extends string, T extends string = never> = {
  readonly [K in Exclude<ConfigType, "SERVICES">]?: Partial<z.input<(typeof CONFIG_TYPES)[K]>>;
} & { readonly SERVICES?: Readonly<Record<string, ServiceInput<N>>> } & {
  readonly [K in NoInfer<T>]?: Readonly<Record<string, unknown>>;
};

type Settled = "config" | "secrets" | "overrides" | "secretOverrides" | "configTypes" | "allowed";

/** One member as it is written in a program: a misspelt dependency or peer does not compile. */
export type ProcessInput<N extends string, T extends string = never> = Omit<
  z.input<typeof ProcessDeclarationSchema>,
  "dependsOn" | "peers" | Settled
> &
  Names<N> & { config?: ConfigInput<N, T>; secrets?: SecretsInput };

/** The fleet as it is written in a program. */
export type FleetInput<N extends string, T extends string = never> = Omit<
  z.input<typeof FleetDeclarationSchema>,
  "processes" | "ledger" | "router" | Settled
> & {
  ledger?: NoInfer<N>;
  router?: NoInfer<N>;
  configTypes?: Readonly<Record<T, z.ZodType>>;
  config?: ConfigInput<N, T>;
  secrets?: SecretsInput;
  overrides?: OverridesInput;
  secretOverrides?: Output<Readonly<Record<string, SecretsText>>>;
  allowed?: readonly string[];
  processes: Record<N, ProcessInput<N, T>>;
};

/** Secrets as the stack's config holds them: config type → setting → text. */
type SecretsText = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Settings of a stack: name of a member, or `*` → config type → setting. */
export type OverridesText = Readonly<
  Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>
>;
/** As an output it compiles, because a stack's config may hold it as a secret; the preview refuses it by name. */
export type OverridesInput = OverridesText | Output<OverridesText | undefined>;
