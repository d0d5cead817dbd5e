import { createHash, generateKeyPairSync } from "node:crypto";
import { createRequire } from "node:module";
import { connect } from "@permaweb/aoconnect";
import type { LegacyEndpoints } from "../../src/ao/legacy/endpoints.ts";

const { ArweaveSigner, createData } = createRequire(import.meta.url)(
  "@dha-team/arbundles",
) as typeof import("@dha-team/arbundles");

/** A network under contract. */
export interface ContractNetwork {
  readonly endpoints: LegacyEndpoints;
  readonly suUrl: string;
  /** The id of an aos 2.x module on the network. */
  readonly module: string;
  close(): Promise<void>;
}

export interface TestWallet {
  readonly address: string;
  /** Signs a data item. */
  sign(fields: ItemFields): Promise<SignedItem>;
}

interface ItemFields {
  readonly data: string | Uint8Array;
  readonly tags?: readonly { name: string; value: string }[];
  readonly target?: string;
  readonly anchor?: string;
}

export interface SignedItem {
  readonly id: string;
  readonly raw: Uint8Array;
}

/** A compute unit's result as aoconnect returns it: unchecked, with the lower-case `error` of a failing unit. */
export interface UnitResult {
  readonly Output?: { readonly data?: unknown } | string;
  readonly Messages?: readonly { Target?: string; Data?: string; Tags?: { name: string; value: string }[] }[];
  readonly Error?: string;
  readonly error?: unknown;
}

const legacy = ({ gatewayUrl, graphqlUrl, muUrl, cuUrl }: LegacyEndpoints) =>
  connect({ MODE: "legacy", GATEWAY_URL: gatewayUrl, GRAPHQL_URL: graphqlUrl, MU_URL: muUrl, CU_URL: cuUrl });
type Legacy = ReturnType<typeof legacy>;

/** A new key, for tests only. */
export function testWallet(): TestWallet {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 4096, publicExponent: 65537 });
  const jwk = privateKey.export({ format: "jwk" });
  const signer = new ArweaveSigner(jwk as ConstructorParameters<typeof ArweaveSigner>[0]);
  const owner = Buffer.from(jwk.n ?? "", "base64url");
  return {
    address: addressOf(owner),
    async sign({ data, tags = [], target, anchor }) {
      const item = createData(data, signer, {
        tags: tags.map(({ name, value }) => ({ name, value })),
        ...(target ? { target } : {}),
        ...(anchor ? { anchor } : {}),
      });
      await item.sign(signer);
      return { id: item.id, raw: new Uint8Array(item.getRaw()) };
    },
  };
}

function addressOf(owner: Buffer): string {
  return createHash("sha256").update(owner).digest("base64url");
}

/** The contract's client: aoconnect in legacy mode, and raw calls where the bytes or the status matter. */
export class ContractClient {
  readonly network: ContractNetwork;
  readonly wallet: TestWallet;
  readonly ao: Legacy;
  /** The data items signed so far, the newest last. */
  readonly signed: SignedItem[] = [];

  constructor(network: ContractNetwork, wallet: TestWallet) {
    this.network = network;
    this.wallet = wallet;
    this.ao = legacy(network.endpoints);
  }

  get signer() {
    return async (create: (options: { passthrough: true }) => Promise<ItemFields>) => {
      const item = await this.wallet.sign(await create({ passthrough: true }));
      this.signed.push(item);
      return item;
    };
  }

  /** Spawns a process that trusts the network's authority. */
  async spawn(tags: Record<string, string> = {}, data?: string): Promise<string> {
    const { scheduler, authority } = this.network.endpoints;
    return this.ao.spawn({
      module: this.network.module,
      scheduler,
      signer: this.signer as never,
      tags: list({ Authority: authority, ...tags }),
      ...(data === undefined ? {} : { data }),
    });
  }

  async message(process: string, tags: Record<string, string>, data?: string): Promise<string> {
    const id = await this.ao.message({
      process,
      signer: this.signer as never,
      tags: list(tags),
      ...(data === undefined ? {} : { data }),
    });
    return typeof id === "string" ? id : id.id;
  }

  /** Sends an Eval and waits for its result. */
  async eval(process: string, code: string): Promise<UnitResult> {
    return this.evaluated(process, await this.message(process, { Action: "Eval" }, code));
  }

  /** Requests a result until the unit has one. */
  async evaluated(process: string, message: string): Promise<UnitResult> {
    return until(`the result of ${message}`, async () => {
      const result = (await this.ao.result({ process, message })) as UnitResult;
      return result.Error !== undefined || result.Output !== undefined ? result : undefined;
    });
  }

  /** Posts bytes to the MU unchanged. */
  async post(raw: Uint8Array): Promise<{ status: number; type: string; text: string }> {
    const response = await fetch(this.network.endpoints.muUrl, {
      method: "POST",
      headers: { "content-type": "application/octet-stream", accept: "application/json" },
      body: raw as Uint8Array<ArrayBuffer>,
    });
    return {
      status: response.status,
      type: response.headers.get("content-type") ?? "",
      text: await response.text(),
    };
  }

  /** A signed message of the ao protocol, not yet sent. */
  async item(target: string, tags: Record<string, string>, data: string | Uint8Array): Promise<SignedItem> {
    const protocol = { "Data-Protocol": "ao", Variant: "ao.TN.1", Type: "Message", SDK: "aoconnect" };
    return this.wallet.sign({ data, target, tags: list({ ...protocol, ...tags }) });
  }

  async graphql(query: string, variables: Record<string, unknown>): Promise<Connection> {
    const response = await fetch(this.network.endpoints.graphqlUrl, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query, variables }),
    });
    const body = (await response.json()) as { data?: { transactions?: Connection } };
    return body.data?.transactions ?? { pageInfo: { hasNextPage: false }, edges: [] };
  }
}

export interface Connection {
  readonly pageInfo: { readonly hasNextPage: boolean };
  readonly edges: readonly {
    readonly cursor: string;
    readonly node: {
      readonly id: string;
      readonly recipient?: string;
      readonly owner?: { readonly address: string };
      readonly tags?: readonly { readonly name: string; readonly value: string }[];
    };
  }[];
}

/** Calls `ask` until it returns a value; never sleeps longer than needed. Fails after 30 s. */
export async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + 30_000;
  for (let wait = 20; ; wait = Math.min(wait * 1.5, 500)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`no answer within 30 s: ${what}`);
    await new Promise((done) => setTimeout(done, wait));
  }
}

/** The output of an Eval as a string without colours; undefined if there is none. */
export function output(result: UnitResult): string | undefined {
  const data = typeof result.Output === "string" ? result.Output : result.Output?.data;
  const text =
    typeof data === "object" && data !== null ? String((data as { output?: unknown }).output) : data;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours begin with the escape character.
  return text === undefined ? undefined : String(text).replace(/\u001b\[[0-9;]*m/g, "");
}

/** Tags as a list. */
export function list(tags: Record<string, string>): { name: string; value: string }[] {
  return Object.entries(tags).map(([name, value]) => ({ name, value }));
}
