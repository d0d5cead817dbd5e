/** One setting of a stack (`pulumi config set <key> <value>`). */
export interface Setting {
  /** `object`: given as JSON, or by `pulumi config set --path`. */
  readonly type: "string" | "integer" | "boolean" | "object";
  readonly description: string;
  /** @default none: the setting says nothing until somebody sets it */
  readonly default?: string | number | boolean;
  /** Set by a command of fleet, not by hand. @default false */
  readonly internal?: true;
}

/**
 * Every setting that a fleet reads from its stack, with the default that holds where nobody set it. The only place: a project needs
 * no `config` block in its `Pulumi.yaml`, and where it has one (this repository's), a test compares the two.
 */
export const SETTINGS = {
  network: {
    type: "string",
    description:
      "Where the fleet lives: local (embedded, for development) or legacy (messenger, scheduler and compute units)",
    default: "local",
  },
  localDir: {
    type: "string",
    description: "Folder of the embedded network; ids and state survive in it",
    default: ".fleet/localnet",
  },
  gatewayUrl: {
    type: "string",
    description: "Gateway that serves data and the index (legacy)",
    default: "https://arweave.net",
  },
  graphqlUrl: {
    type: "string",
    description: "Serves the index (legacy). Empty for /graphql below the gateway",
    default: "",
  },
  muUrl: {
    type: "string",
    description: "Messenger unit (legacy)",
    default: "https://mu.ao-testnet.xyz",
  },
  cuUrl: {
    type: "string",
    description: "Compute unit (legacy)",
    default: "https://cu.ao-testnet.xyz",
  },
  scheduler: {
    type: "string",
    description: "Address of the scheduler for new processes (legacy)",
    default: "_GQ33BkPtZrqxA84vM8Zk-N2aO0toNNu_C-l-rawrBA",
  },
  suUrl: {
    type: "string",
    description:
      "Unit of that scheduler (legacy). Empty for the address that the scheduler published on the gateway",
    default: "",
  },
  authority: {
    type: "string",
    description: "Address whose pushes between processes are trusted (legacy)",
    default: "fcoN_xJeisVsPXA-trzVAuIiqO3ydLQxM-L4XbrQKzY",
  },
  uploadUrl: {
    type: "string",
    description:
      "Takes data items of any size (legacy); programs larger than a message and modules go there, which may cost. None when empty",
    default: "",
  },
  maxMessageBytes: {
    type: "integer",
    description: "Largest message in bytes that the messenger unit takes (legacy)",
    default: 10_000_000,
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
    description: "How long a new revision may take until it is healthy",
    default: 300,
  },
  healthIntervalSeconds: {
    type: "integer",
    description: "Pause between two probes of a revision that is not healthy yet",
    default: 10,
  },
  healthRetries: {
    type: "integer",
    description: "Probes after the first that may be unhealthy before the verdict is final",
    default: 3,
  },
  timeoutSeconds: {
    type: "integer",
    description: "Limit of a create or update of one process, health included",
    default: 600,
  },
  protect: {
    type: "boolean",
    description: "Whether Pulumi refuses to delete the processes",
    default: false,
  },
  strategy: {
    type: "string",
    description:
      "How new code is rolled out: sequential, parallel, rolling or blue-green, or a whole strategy as JSON",
    default: "parallel",
  },
  rollbackOnFailure: {
    type: "boolean",
    description: "Whether fleet deploy goes back to the last release by itself when it fails half-way",
    default: false,
  },
  withoutBackup: {
    type: "boolean",
    description:
      "Whether code is changed also where the state of a process could not be kept before; else such a deployment stops (BACKUP_FAILED)",
    default: false,
  },
  maxConcurrentRequests: {
    type: "integer",
    description: "Deferred requests that one game service may have open at once",
    default: 100,
  },
  requestTimeoutMs: {
    type: "integer",
    description: "Milliseconds after which a deferred request is answered with a time-out",
    default: 30_000,
  },
  healthCronSeconds: {
    type: "integer",
    description:
      "Seconds between two rounds of the admin process' health checks by a cron, whose messages are permanent; 0 for none",
    default: 0,
  },
  walletPath: {
    type: "string",
    description:
      "File of the deployer's wallet (an Arweave JWK, mode 600); else the file that FLEET_WALLET names",
  },
  wallet: { type: "string", description: "The deployer's wallet itself, as a secret; wins over walletPath" },
  only: { type: "string", description: "Names of the members to deploy; the others stay as they run" },
  overrides: {
    type: "object",
    description: 'Settings of members that replace declared ones, by member (or "*") and config type',
  },
  secrets: { type: "object", description: "Secret settings of members, by member and config type" },
  sealTo: { type: "string", description: "Public key (PEM or JWK) that secret settings are sealed to" },
  release: {
    type: "string",
    description: "Deployment id of the release that the stack is pinned to",
    internal: true,
  },
  releaseOnly: { type: "string", description: "Members that the pin is about", internal: true },
  releaseRestore: {
    type: "object",
    description: "States that pinned members are loaded with",
    internal: true,
  },
} as const satisfies Readonly<Record<string, Setting>>;

export type SettingKey = keyof typeof SETTINGS;

/** What holds where nobody set the key, as text; undefined without a default. */
export function defaultOf(key: string): string | undefined {
  const setting: Setting | undefined = Object.hasOwn(SETTINGS, key) ? SETTINGS[key as SettingKey] : undefined;
  return setting?.default === undefined ? undefined : String(setting.default);
}
