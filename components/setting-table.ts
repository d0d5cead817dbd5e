import { MAX_MESSAGE_BYTES, NETWORK_DEFAULTS } from "../src/ao/network.ts";
import { HealthPolicySchema } from "../src/fleet/health/schema.ts";

/** One setting of a stack (`pulumi config set <key> <value>`). */
export interface Setting {
  /** `object`: set as JSON, or with `pulumi config set --path`. */
  readonly type: "string" | "integer" | "boolean" | "object";
  readonly description: string;
  /** Value if the stack does not set it. @default none */
  readonly default?: string | number | boolean;
  /** True for a setting that fleet's commands write, and nobody by hand. @default false */
  readonly internal?: true;
}

const HEALTH = HealthPolicySchema.parse({});

/**
 * Every setting that a fleet reads from its stack, with its default. This is the only list: a project needs no `config` block in its
 * `Pulumi.yaml`, and a test compares this repository's block with it.
 */
export const SETTINGS = {
  network: {
    type: "string",
    description:
      "Where the fleet lives: local (embedded, for development), mainnet (a HyperBEAM node) or legacy (messenger, scheduler and compute units)",
    default: "local",
  },
  localDir: {
    type: "string",
    description: "Folder of the embedded network; ids and state survive in it",
    default: ".fleet/localnet",
  },
  localProtocol: {
    type: "string",
    description:
      "Protocol of the embedded network: legacy (messenger, scheduler and compute units) or mainnet (a HyperBEAM node, which drives no crons)",
    default: "legacy",
  },
  nodeUrl: {
    type: "string",
    description:
      "HyperBEAM node that orders, evaluates and delivers messages (mainnet). Pinned in fleet.lock.json",
    default: NETWORK_DEFAULTS.nodeUrl,
  },
  gatewayUrl: {
    type: "string",
    description: "Gateway that serves data and the index (mainnet, legacy)",
    default: NETWORK_DEFAULTS.gatewayUrl,
  },
  graphqlUrl: {
    type: "string",
    description: "GraphQL endpoint of the index (mainnet, legacy). Empty for /graphql below the gateway",
    default: "",
  },
  muUrl: {
    type: "string",
    description: "Messenger unit (legacy)",
    default: NETWORK_DEFAULTS.muUrl,
  },
  cuUrl: {
    type: "string",
    description: "Compute unit (legacy)",
    default: NETWORK_DEFAULTS.cuUrl,
  },
  scheduler: {
    type: "string",
    description:
      "Address of the scheduler for new processes (legacy; on mainnet, if it is set, instead of the one that the node names)",
    default: NETWORK_DEFAULTS.scheduler,
  },
  suUrl: {
    type: "string",
    description: "Scheduler unit (legacy). Empty for the address that the scheduler published on the gateway",
    default: "",
  },
  authority: {
    type: "string",
    description:
      "Address whose pushes between processes are trusted (legacy; on mainnet, if it is set, instead of the node)",
    default: NETWORK_DEFAULTS.authority,
  },
  uploadUrl: {
    type: "string",
    description:
      "Upload service for data items of any size (mainnet, legacy). Modules are uploaded there, and on legacy also programs that are larger than a message, which may cost. Empty for none",
    default: "",
  },
  maxMessageBytes: {
    type: "integer",
    description: "Largest message in bytes that the network accepts (mainnet, legacy)",
    default: MAX_MESSAGE_BYTES,
  },
  module: {
    type: "string",
    description: "AO module of new processes: an alias that the network knows, or an id",
    default: "aos",
  },
  version: {
    type: "string",
    description: "Version that the processes must report",
    default: "1.0.0",
  },
  healthTimeoutSeconds: {
    type: "integer",
    description: "Seconds that a new revision may take to become healthy",
    default: HEALTH.timeoutSeconds,
  },
  healthIntervalSeconds: {
    type: "integer",
    description: "Seconds between two probes of a revision that is not healthy yet",
    default: HEALTH.intervalSeconds,
  },
  healthRetries: {
    type: "integer",
    description: "Number of retries after an unhealthy probe before the verdict is final",
    default: HEALTH.retries,
  },
  timeoutSeconds: {
    type: "integer",
    description: "Seconds that a create or update of one process may take, health checks included",
    default: 600,
  },
  protect: {
    type: "boolean",
    description: "Whether Pulumi refuses to delete the processes",
    default: false,
  },
  retainOnDelete: {
    type: "boolean",
    description:
      "Whether a process that leaves the stack keeps running as it is; otherwise it is retired and answers GONE from then on",
    default: false,
  },
  strategy: {
    type: "string",
    description:
      "How new code is rolled out: sequential, parallel, rolling or blue-green, or a complete strategy as JSON",
    default: "parallel",
  },
  rollbackOnFailure: {
    type: "boolean",
    description: "Whether fleet deploy rolls back to the last release if it fails half-way",
    default: false,
  },
  withoutBackup: {
    type: "boolean",
    description:
      "Whether code is changed even if the state of a process could not be backed up; otherwise such a deployment stops (BACKUP_FAILED, STATE_IN_CODE)",
    default: false,
  },
  maxConcurrentRequests: {
    type: "integer",
    description: "Deferred requests that one game service may have open at once",
    default: 100,
  },
  requestTimeoutMs: {
    type: "integer",
    description: "Milliseconds after which a deferred request is answered with a timeout",
    default: 30_000,
  },
  healthCronSeconds: {
    type: "integer",
    description:
      "Seconds between two rounds of the admin process' health checks, driven by a cron whose messages are permanent; 0 for no cron. With localProtocol mainnet there is none unless cronDriver is monitor",
    default: 0,
  },
  cronDriver: {
    type: "string",
    description:
      "Who sends the ticks of crons: network (a messenger unit) or monitor (fleet monitor --tick, for a HyperBEAM node, which drives no crons)",
    default: "network",
  },
  walletPath: {
    type: "string",
    description:
      "File with the deployer's wallet (an Arweave JWK, mode 600). If it is not set, the file that FLEET_WALLET names",
  },
  wallet: { type: "string", description: "The deployer's wallet itself, as a secret. Overrides walletPath" },
  walletFrom: {
    type: "object",
    description:
      'Where the deployer\'s wallet is read from: {"file": "…"}, {"environment": "NAME"}, or {"command": ["…"]} for a command that prints it, such as a keychain\'s. Its arguments are stored in clear, so none may be a secret. Not together with another wallet',
  },
  signer: {
    type: "object",
    description:
      'Command that signs with the deployer\'s key and does not give it away: {"command": ["…"]}, with "address" and "timeoutSeconds" if needed. Its arguments are stored in clear, so none may be a secret. Not together with another wallet',
  },
  only: { type: "string", description: "Names of the members to deploy; the others stay as they run" },
  overrides: {
    type: "object",
    description: 'Settings of members that override declared ones, by member (or "*") and config type',
  },
  secrets: { type: "object", description: "Secret settings of members, by member and config type" },
  sealTo: { type: "string", description: "Public key (PEM or JWK) that secret settings are sealed to" },
  movedTo: {
    type: "string",
    description: "Stack that the fleet was moved to: deployments to this one are refused",
    internal: true,
  },
  movingTo: {
    type: "string",
    description: "Stack that the fleet is being moved to: deployments to this one are refused meanwhile",
    internal: true,
  },
  movingFrom: {
    type: "string",
    description: "Stack that the fleet is being moved from: deployments to this one are refused meanwhile",
    internal: true,
  },
  release: {
    type: "string",
    description: "Deployment id of the release that the stack is pinned to",
    internal: true,
  },
  releaseOnly: { type: "string", description: "Members that the pin applies to", internal: true },
  releaseRestore: {
    type: "object",
    description: "Snapshots that pinned members are loaded with",
    internal: true,
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingKey = keyof typeof SETTINGS;

/** The default of a setting as a string; undefined without a default. */
export function defaultOf(key: string): string | undefined {
  const setting: Setting | undefined = Object.hasOwn(SETTINGS, key) ? SETTINGS[key as SettingKey] : undefined;
  return setting?.default === undefined ? undefined : String(setting.default);
}
