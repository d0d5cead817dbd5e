import { type LocalNetworkInfo, start, status, stop } from "../../localnet/index.ts";
import { checkInputs, ownInputs } from "../run/inputs.ts";
import { type LocalNetworkInputs, LocalNetworkInputsSchema, type LocalNetworkOutputs } from "./schema.ts";

type Raw = Record<string, unknown>;

/** It needs no secret. */
export function configure(): void {}

export async function check(_olds: Raw, news: Raw) {
  return checkInputs(LocalNetworkInputsSchema, news);
}

/** Gone after a reboot is a change: it is started again on the same folder, so ids and state are as before. */
export async function diff(_id: string, olds: LocalNetworkOutputs, rawNews: Raw) {
  const news = LocalNetworkInputsSchema.parse(ownInputs(rawNews));
  if (olds.dir !== news.dir) return { changes: true, replaces: ["dir"] };
  const { running } = await status(news.dir);
  if (!running) console.log("local network: is not running: start it again on the same folder");
  return { changes: !running, replaces: [] };
}

export async function create(raw: Raw) {
  const inputs = LocalNetworkInputsSchema.parse(ownInputs(raw));
  return { id: `localnet:${inputs.dir}`, outs: await ensure(inputs, raw) };
}

export async function update(_id: string, _olds: LocalNetworkOutputs, raw: Raw) {
  return { outs: await ensure(LocalNetworkInputsSchema.parse(ownInputs(raw)), raw) };
}

export async function read(id: string, props: LocalNetworkOutputs) {
  return { id, props };
}

export async function remove(_id: string, props: LocalNetworkOutputs): Promise<void> {
  await stop(props.dir);
}

async function ensure(inputs: LocalNetworkInputs, raw: Raw): Promise<LocalNetworkOutputs> {
  const started = performance.now();
  const info = await start(inputs.dir, { timeoutSeconds: inputs.timeoutSeconds });
  console.log(
    `${"local network".padEnd(22)} running at ${info.gatewayUrl}  ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  return { ...raw, ...inputs, ...stable(info) };
}

function stable(info: LocalNetworkInfo) {
  const { gatewayUrl, graphqlUrl, muUrl, cuUrl, scheduler, authority, modules } = info;
  return { schemaVersion: 1 as const, gatewayUrl, graphqlUrl, muUrl, cuUrl, scheduler, authority, modules };
}
