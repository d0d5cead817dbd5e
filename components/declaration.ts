import { z } from "zod";
import { AdoptSchema } from "../providers/process/schema.ts";
import { isReservedKey, NetworkRefSchema } from "../src/ao/network.ts";
import { ADDRESS } from "../src/core/address.ts";
import { DEVICES } from "../src/core/devices.ts";
import { FaultRulesSchema, RoutedActionsSchema } from "../src/delivery/faults.ts";
import {
  GlobalsSchema,
  StatePolicySchema,
  StrategySchema,
  TrafficKeySchema,
} from "../src/delivery/strategy.ts";
import { TestersSchema } from "../src/delivery/testers.ts";
import { CRON_DRIVERS } from "../src/fleet/crons.ts";
import { ProbeSchema } from "../src/fleet/health/probe-message.ts";
import { HealthPolicySchema } from "../src/fleet/health/schema.ts";
import { SecretValue } from "./secret-value.ts";
import { SETTINGS } from "./setting-table.ts";

const name = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,62}$/,
    "lower case letters, digits and hyphens, starting with a letter; at most 63 characters",
  );

/** Config type → setting → value. Values are checked after all layers are merged. */
const settings = z.record(z.string(), z.record(z.string(), z.unknown()));
/** Config type → setting → secret. */
const secrets = z.record(
  z.string(),
  z.record(
    z.string(),
    z.instanceof(SecretValue, { error: 'a secret of the stack\'s config: config.requireSecret("…")' }),
  ),
);
/** Who may change a process in addition to its owner. */
const allowed = z.array(
  z.union([name, z.string().regex(ADDRESS)], {
    error: "the name of a member, or an address of 43 characters",
  }),
);

/** How a member's Lua files are bundled into one text. Paths are relative to the project. */
const BundlingSchema = z.strictObject({
  /**
   * Additional folders in which `require` looks for modules. Searched before `processes/lib`, the package's library and the parent of the
   * program's folder.
   * @default none
   */
  search: z.array(z.string().min(1)).default([]),
  /**
   * Modules that are not bundled and that the process resolves with its own `require`. A trailing `*` matches any suffix. The modules of
   * aos are external without being listed.
   * @default none
   */
  externals: z.array(z.string().min(1)).default([]),
  /** Alternative names for modules: name → module name or file. @default none */
  aliases: z.record(z.string().min(1), z.string().min(1)).default({}),
  /** Modules to bundle although the program requires them only by computed names. @default none */
  include: z.array(z.string().min(1)).default([]),
  /**
   * Globals that are set before the first module runs. Strings arrive byte for byte. Do not put secrets here: code on AO is public.
   * @default none
   */
  constants: z.record(z.string().min(1), z.union([z.string(), z.number(), z.boolean()])).default({}),
  /** Globals that the program owns. Assigning any other global is a warning. @default none */
  state: z.array(z.string().min(1)).default([]),
  /** Whether comments and redundant spaces are removed. Line breaks stay, so errors still point to your lines. @default false */
  minify: z.boolean().default(false),
  /** Limits of the bundle. */
  budget: z
    .strictObject({
      /** Largest bundle in bytes. A larger one fails the preview with `BUNDLE_OVER_BUDGET`. @default what the network accepts */
      maxBytes: z.number().int().positive().optional(),
    })
    .default({}),
});

/** A WebAssembly module of the project, published once per content by the stack's wallet. */
const WasmModuleSchema = z.strictObject({
  /** The `.wasm` file, relative to the project. */
  wasm: z.string().min(1),
  /**
   * Value of its tag `Module-Format`.
   * @default by the size of its addresses: "wasm64-unknown-emscripten-draft_2024_02_15" or "wasm32-unknown-emscripten4"
   */
  format: z.string().min(1).optional(),
  /** Encoding of the messages that it receives. @default "JSON-V1" */
  inputEncoding: z.string().min(1).default("JSON-V1"),
  /** Encoding of the results that it returns. @default "JSON-V1" */
  outputEncoding: z.string().min(1).default("JSON-V1"),
  /** Memory limit of a process, as a number and `kb`, `mb` or `gb`. @default "1-gb" */
  memoryLimit: z
    .string()
    .regex(/^[1-9]\d*-(kb|mb|gb)$/, 'a number and a unit, such as "500-mb"')
    .default("1-gb"),
  /** Gas limit of one evaluation. @default "9000000000000" */
  computeLimit: z
    .string()
    .regex(/^[1-9]\d*$/, "a number in digits")
    .default("9000000000000"),
  /** Additional tags of the module. @default none */
  tags: z.record(z.string(), z.string()).default({}),
});

/** How a rollout treats a member's state, or the globals that are its state. */
const StateSchema = z.union(
  [
    StatePolicySchema,
    z.strictObject({
      /** The only globals that a hand-over, a backup and a rollback carry. */
      globals: GlobalsSchema,
    }),
  ],
  { error: '"none", "partitioned", "owned", or { globals: ["Balances", …] }' },
);

/** Names that are published: each is a key of the state that a node serves. */
const PublishSchema = z
  .array(
    z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/, "a name of letters, digits, _ and -")
      .refine(
        (key) => !isReservedKey(key) && key.toLowerCase() !== "fleet",
        "a name that neither the network nor the fleet's library uses itself",
      ),
  )
  .max(50)
  .refine(
    (names) => new Set(names.map((name) => name.toLowerCase())).size === names.length,
    "names that differ by more than their case, which a node does not distinguish",
  );

/** One member of the fleet, as the program declares it. */
export const ProcessDeclarationSchema = z.strictObject({
  /** The Lua program, relative to the project: a file, a folder, or `npm:<package>`. @default "processes/<name>/process.lua" */
  source: z.string().min(1).optional(),
  /** Version that the process must report, 1 to 64 characters. @default the fleet's */
  version: z.string().min(1).max(64).optional(),
  /** Members that must be healthy before this one is deployed. A cycle fails the preview with `DEPENDENCY_CYCLE`. @default none */
  dependsOn: z.array(name).default([]),
  /** Members whose ids it receives, so that it can call them. Cycles are allowed. @default none */
  peers: z.array(name).default([]),
  /** Settings by [config type](config-bundle.md#config-types). They override the fleet's. @default none */
  config: settings.default({}),
  /** Secret settings by config type. They are sealed to `sealTo` before they are sent, and encrypted in the state. @default none */
  secrets: secrets.default({}),
  /** Public key to which its secrets are sealed: a PEM or a JWK, RSA (at least 2048 bits) or X25519. @default the fleet's */
  sealTo: z.string().optional(),
  /** Members and addresses that may change it, in addition to its owner and to the fleet's `allowed`. @default none */
  allowed: allowed.default([]),
  /** AO module: an alias of the network, an id, or a WebAssembly file of the project. It is fixed at the spawn. @default the fleet's */
  module: z.union([z.string().min(1), WasmModuleSchema]).optional(),
  /**
   * Device of the HyperBEAM node that runs it: `genesis-wasm@1.0` (aos) or `lua@5.3a` (Lua in the node, without aos; see
   * [networks](../../networks.md#devices)), with the id of a Lua module as `module` or, without one, the fleet's own. It is fixed at the spawn.
   * @default "genesis-wasm@1.0"
   */
  device: z.enum(DEVICES).optional(),
  /** Additional spawn tags. With `Cron-Interval`, the process has a cron, which the fleet's `cronDriver` drives. @default none */
  tags: z.record(z.string(), z.string()).default({}),
  /** When a new revision counts as healthy. Fields that are left out are the fleet's. @default the fleet's */
  health: HealthPolicySchema.partial().optional(),
  /** Seconds that a create or update of this process may take. @default the fleet's */
  timeoutSeconds: z.number().positive().optional(),
  /**
   * Whether the fleet's Lua library (`fleet`) is bundled and loaded before the program. With `false`, nothing of the fleet is in the
   * process.
   * @default true
   */
  lib: z.boolean().default(true),
  /** How its Lua files are bundled into one text. */
  bundle: BundlingSchema.prefault({}),
  /** Warnings and bundling errors to accept: code → reason. @default none */
  silence: z.record(z.string(), z.string()).default({}),
  /**
   * Whether a new process is spawned with its code, so that it runs from its first message on. This saves one message. Code that is too
   * large for one message is loaded after the spawn anyway. @default false
   */
  onBoot: z.boolean().default(false),
  /**
   * Existing AO process to take over instead of spawning one: its id, or `{ name }` with the `Name` that it was spawned with.
   * @default none
   */
  adopt: AdoptSchema.optional(),
  /** How its new code is rolled out, and how its traffic moves. @default the fleet's; the router and the ledger are loaded in place */
  strategy: StrategySchema.optional(),
  /**
   * How a rollout treats its state. `none`: callers are split freely, and nothing is carried over. `partitioned`: callers are split by key, and
   * the state of each key moves with its callers. `owned`: all callers switch at once, after a hand-over. `{ globals: [...] }` is `owned` and
   * lists the globals to carry; without a list, the globals that messages changed are carried. Local variables are never carried.
   * @default "owned"
   */
  state: StateSchema.default("owned"),
  /**
   * Globals, or tables of `fleet.state`, that anyone may read over HTTP where the network serves published state: on a HyperBEAM node at
   * `/<id>~process@1.0/now/<name>/<member>`. What changed is published after each message; without an effect on legacy units.
   * @default none
   */
  publish: PublishSchema.default([]),
  /** What identifies a caller when callers are split: `sender`, `tag:<Name>` or `data:<member>`. @default "sender" */
  trafficKey: TrafficKeySchema.default("sender"),
  /**
   * What marks a reply as a fault, for a program that does not answer as the fleet's library does. The first matching rule decides.
   * @default aos' conventions: a tag `Error`, an action `Error` or `…-Error`, `success: false`
   */
  faultWhen: FaultRulesSchema.optional(),
  /**
   * Actions that the router forwards to it for any sender.
   * @default all but those of the fleet's library, if the router has a table for it
   */
  routed: RoutedActionsSchema.optional(),
  /**
   * Requests with this tag and value go to a new revision as soon as the router has proved its health, whatever its share.
   * @default none
   */
  testers: TestersSchema.optional(),
  /** Messages that it must answer as expected once it knows its peers, before the deployment goes on. @default none */
  probes: z.array(ProbeSchema).max(50).default([]),
});

/** A fleet, as the program declares it. Times are in seconds. */
export const FleetDeclarationSchema = z.strictObject({
  /** The AO network that the fleet is deployed to. */
  network: NetworkRefSchema,
  /** AO module: an alias of the network, an id, or a WebAssembly file of the project. @default "aos" */
  module: z.union([z.string().min(1), WasmModuleSchema]).default(SETTINGS.module.default),
  /** Version of members that declare none, 1 to 64 characters. @default "1.0.0" */
  version: z.string().min(1).max(64).default(SETTINGS.version.default),
  /** Health policy of members that declare none. */
  health: HealthPolicySchema.prefault({}),
  /** Seconds that a create or update of one process may take. @default 600 */
  timeoutSeconds: z.number().positive().max(86_400).default(SETTINGS.timeoutSeconds.default),
  /** Member that keeps the ledger and the epoch. Without one, concurrent runs are not fenced off. @default none */
  ledger: name.optional(),
  /** Members to deploy. The others stay as they run now. @default all */
  only: z.array(name).optional(),
  /** Whether Pulumi protects the processes against deletion. @default false */
  protect: z.boolean().default(SETTINGS.protect.default),
  /**
   * Whether a process that leaves the stack keeps its code and state (Pulumi's `retainOnDelete`). Otherwise it is retired: it answers `GONE`
   * from then on. Settings that are removed from the declaration are withdrawn in either case. @default false
   */
  retainOnDelete: z.boolean().default(SETTINGS.retainOnDelete.default),
  /** Settings of every member, by config type. @default none */
  config: settings.default({}),
  /** Secret settings of every member, by config type. @default none */
  secrets: secrets.default({}),
  /** Public key to which secrets are sealed: a PEM or a JWK, RSA (at least 2048 bits) or X25519. @default none */
  sealTo: z.string().optional(),
  /**
   * The stack's settings, which override those of the fleet and its members: member's name or `*` → config type → setting.
   * @default none
   */
  overrides: z.record(z.string(), settings).default({}),
  /** The stack's secrets in the same form, which override those of the program. @default none */
  secretOverrides: z.record(z.string(), secrets).default({}),
  /** The fleet's own config types, each with its zod schema. Processes check settings by the same rules. @default none */
  configTypes: z
    .record(
      z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/),
      z.custom<z.ZodType>((value) => value instanceof z.ZodType, { error: "a zod schema" }),
    )
    .default({}),
  /**
   * Members and addresses that may change every member, in addition to its owner. The ledger distributes settings and the admin shuts
   * down processes only if they are listed. @default what is allowed stays as it is
   */
  allowed: allowed.optional(),
  /**
   * How new code is rolled out, and how traffic moves.
   * @default in place, in dependency order: a member is loaded as soon as those that it depends on are healthy
   */
  strategy: StrategySchema.optional(),
  /** Member that carries the router. @default "coordinator", if there is one */
  router: name.optional(),
  /**
   * Who sends the ticks of the members' crons: `network`, the messenger unit, or `monitor`, the command `fleet monitor --tick`. A HyperBEAM
   * node drives no crons.
   * @default "network"
   */
  cronDriver: z.enum(CRON_DRIVERS).default(SETTINGS.cronDriver.default),
  /** Number of revisions of a member that are kept, the one in use included; for `blue-green`. @default 2 */
  heldRevisions: z.number().int().min(1).max(20).default(2),
  /** The members by name. */
  processes: z.record(name, ProcessDeclarationSchema),
});

/** A WebAssembly module of the project, validated and with defaults. */
export type WasmModule = z.output<typeof WasmModuleSchema>;
/** A member, validated and with defaults. */
export type ProcessDeclaration = z.output<typeof ProcessDeclarationSchema>;
/** A fleet, validated and with defaults. */
export type FleetDeclaration = z.output<typeof FleetDeclarationSchema>;
