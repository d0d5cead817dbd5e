/** Rollouts by the lifecycles themselves on an embedded network: the fleet's own coordinator and the test's services, in real aos. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as member from "../../providers/process/lifecycle.ts";
import type { ProcessOutputs } from "../../providers/process/schema.ts";
import * as traffic from "../../providers/traffic/lifecycle.ts";
import { type BundleOptions, bundle, store } from "../../src/bundler/index.ts";
import { type LocalNetworkInfo, start, stop } from "../../src/localnet/index.ts";
import { makeJwk } from "../ao/wallets.ts";
import { targetOf } from "../providers/fixture.ts";
import { FACTS } from "../setup/shared.ts";

type Jwk = Awaited<ReturnType<typeof makeJwk>>;

const ROOT = join(import.meta.dirname, "..", "..");

export class Embedded {
  readonly network: LocalNetworkInfo;
  /** Of the stack's wallet. */
  readonly jwk: Jwk;
  readonly #folder: string;

  private constructor(folder: string, network: LocalNetworkInfo, jwk: Jwk) {
    this.#folder = folder;
    this.network = network;
    this.jwk = jwk;
  }

  static async open(): Promise<Embedded> {
    const folder = await mkdtemp(join(tmpdir(), "fleet-traffic-"));
    const network = await start(join(folder, "network"));
    const jwk = await makeJwk();
    const wallet = JSON.stringify(jwk);
    member.configure({ get: (key: string) => (key === "wallet" ? wallet : undefined) });
    return new Embedded(folder, network, jwk);
  }

  async close(): Promise<void> {
    await stop(join(this.#folder, "network"));
    await rm(this.#folder, { recursive: true });
  }

  /** Inputs that every resource has. */
  common() {
    const folder = this.#folder;
    return {
      scope: {
        project: "rollout",
        stack: "local",
        home: join(folder, ".fleet"),
        build: join(folder, "build"),
      },
      network: { kind: "local" as const, dir: join(folder, "network") },
    };
  }

  /** Deploys a process with its own text, or the fleet's own one of that name. */
  async make(name: string, source?: string): Promise<ProcessOutputs> {
    const base: BundleOptions = {
      name,
      root: ROOT,
      entry: `processes/${name}/process.lua`,
      prelude: ["src/runtime/fleet/init.lua"],
      search: ["src/runtime", "processes"],
      library: { folder: join(ROOT, "src/runtime"), label: "ao-fleet" },
      ...(process.env[FACTS] === undefined ? {} : { cache: process.env[FACTS] }),
    };
    if (source !== undefined) await writeFile(join(this.#folder, `${name}.lua`), source);
    const made = await bundle(
      source === undefined ? base : { ...base, entry: join(this.#folder, `${name}.lua`) },
    );
    await store(join(this.#folder, ".fleet", "bundles")).put(made);
    const { inputs } = await member.check(
      {},
      {
        ...this.common(),
        name,
        version: "1.0.0",
        module: "aos",
        bundle: {
          hash: made.hash,
          bytes: made.bytes,
          entry: `${name}.lua`,
          modules: Object.fromEntries(made.modules.map((module) => [module.name, module.hash])),
        },
        healthCheck: { intervalSeconds: 0.2 },
      },
    );
    return (await member.create(inputs)).outs;
  }

  /** Inputs of a traffic resource that moves one service. */
  async traffic(
    coordinator: ProcessOutputs,
    release: string,
    service: { readonly key: string; readonly state: string },
    [from, to]: readonly [ProcessOutputs, ProcessOutputs],
    strategy: object,
  ) {
    const raw = {
      ...this.common(),
      router: targetOf(coordinator),
      release,
      services: { battle: { ...service, blue: ref(from), green: ref(to) } },
      strategy: { kind: "blue-green", ...strategy },
    };
    const { inputs, failures } = await traffic.check({}, raw);
    if (failures.length > 0) throw new Error(JSON.stringify(failures));
    return inputs;
  }
}

/** Makes three callers call, each one request after the other (with their name and the number of requests before), until the work is over. */
export async function whileCalling<T>(
  work: Promise<T>,
  call: (caller: string, n: number) => Promise<void>,
): Promise<T> {
  let over = false;
  const lane = async (caller: string) => {
    for (let n = 0; !over; n += 1) await call(caller, n);
  };
  const lanes = Promise.all(["a", "b", "c"].map(lane));
  try {
    return await work;
  } finally {
    over = true;
    await lanes;
  }
}

const ref = ({ processId, bundle: { hash } }: ProcessOutputs) => ({ processId, sourceHash: hash });
