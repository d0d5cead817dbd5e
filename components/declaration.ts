import { z } from "zod";
import { NetworkRefSchema } from "../ao/network.ts";
import { CONFIG_TYPES } from "../providers/config-bundle/schema.ts";
import { AdoptSchema, HealthPolicySchema } from "../providers/process/schema.ts";

const name = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,62}$/,
    "a name has lower case letters, digits and hyphens and starts with a letter",
  );

/** How the Lua of a member becomes one text. Paths are relative to the project. */
export const BundlingSchema = z.strictObject({
  /** Further folders in which `require` finds modules, before `processes/lib` and the folder above the program's own. @default none */
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
export const WasmModuleSchema = z.strictObject({
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
  /** Settings by config type. @default none */
  config: z
    .strictObject({
      /** How the process works: limits and metrics. */
      PROCESS_CONFIG: CONFIG_TYPES.PROCESS_CONFIG.optional(),
    })
    .default({}),
  /** AO module: an alias of the network, an id, or a WebAssembly file of the project. Fixed at the spawn. @default the fleet's */
  module: z.union([z.string().min(1), WasmModuleSchema]).optional(),
  /** Extra spawn tags. @default none */
  tags: z.record(z.string(), z.string()).default({}),
  /** When a new revision counts as healthy; what is not named is the fleet's. @default the fleet's */
  health: HealthPolicySchema.partial().optional(),
  /** Seconds for a create or update of this process. @default the fleet's */
  timeoutSeconds: z.number().positive().optional(),
  /** Whether `processes/lib` is put before the program. @default true */
  lib: z.boolean().default(true),
  /** How its Lua becomes one text. */
  bundle: BundlingSchema.prefault({}),
  /** Codes of warnings and of bundling errors that are accepted, each with its reason. @default none */
  silence: z.record(z.string(), z.string()).default({}),
  /** Existing AO process to take over instead of spawning: its id, or `{ name }` as it was spawned. @default none */
  adopt: AdoptSchema.optional(),
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
  /** The members by name. */
  processes: z.record(name, ProcessDeclarationSchema),
});

/** A WebAssembly module of the project's own, checked, defaults filled in. */
export type WasmModule = z.output<typeof WasmModuleSchema>;
/** A member, checked, defaults filled in. */
export type ProcessDeclaration = z.output<typeof ProcessDeclarationSchema>;
/** A fleet, checked, defaults filled in. */
export type FleetDeclaration = z.output<typeof FleetDeclarationSchema>;

type Names<N extends string> = { dependsOn?: readonly NoInfer<N>[]; peers?: readonly NoInfer<N>[] };

/** One member as it is written in a program: a misspelt dependency or peer does not compile. */
export type ProcessInput<N extends string> = Omit<
  z.input<typeof ProcessDeclarationSchema>,
  "dependsOn" | "peers"
> &
  Names<N>;

/** The fleet as it is written in a program. */
export type FleetInput<N extends string> = Omit<
  z.input<typeof FleetDeclarationSchema>,
  "processes" | "ledger"
> & {
  ledger?: NoInfer<N>;
  processes: Record<N, ProcessInput<N>>;
};
