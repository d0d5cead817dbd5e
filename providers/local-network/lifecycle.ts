import { say } from "../../src/core/say.ts";
import { keepSecrets } from "../../src/fleet/session/secrets.ts";
import { type LocalNetworkInfo, start, status, stop } from "../../src/localnet/index.ts";
import { addUser, isUser, removeUser, usersOf } from "../../src/localnet/users.ts";
import { ownInputs } from "../run/inputs.ts";
import { lifecycleOf } from "../run/lifecycle.ts";
import { reporting } from "../run/reporting.ts";
import { type LocalNetworkInputs, LocalNetworkInputsSchema, type LocalNetworkOutputs } from "./schema.ts";

type Raw = Record<string, unknown>;

/** Name of the resource in progress lines and errors. */
const NAME = "local network";

/** This provider needs no settings and no wallet; only its errors must not show a secret. */
export const configure = keepSecrets;

export const { check, create, update } = lifecycleOf({
  schema: LocalNetworkInputsSchema,
  idOf: ({ dir }) => `localnet:${dir}`,
  ensure,
});

/**
 * A stopped network, as after a reboot, is a change: it is started again on the same folder, with the same ids and state. So is a user that
 * the folder does not list, as after an upgrade from 0.1.0 or if the folder was removed. One that it lists under an earlier name, as after
 * an upgrade or if the project was moved, is no change: the next update lists it under the new one.
 */
export async function diff(_id: string, olds: LocalNetworkOutputs, rawNews: Raw) {
  const news = LocalNetworkInputsSchema.parse(ownInputs(rawNews));
  if (olds.dir !== news.dir) return { changes: true, replaces: ["dir"] };
  const { running } = await status(news.dir);
  if (!running)
    say(
      "local network: not running, will be started again on the same folder; the processes are checked then",
    );
  const names = [news.user, olds.user].filter((user) => user !== undefined);
  const isKnown = news.user === undefined || names.some((user) => isUser(news.dir, user));
  return { changes: !running || !isKnown, replaces: [] };
}

export async function read(id: string, props: LocalNetworkOutputs) {
  return { id, props };
}

/**
 * Stops the network unless it has, or may have, another user: another fleet or stack on the same folder, or this fleet under a new name.
 */
export const remove = (_id: string, props: LocalNetworkOutputs): Promise<void> =>
  reporting(NAME, () => leave(props));

async function leave({ dir, user }: LocalNetworkOutputs): Promise<void> {
  if (user !== undefined) removeUser(dir, user);
  const others = usersOf(dir);
  if (others.length > 0) return say(`${NAME}: keeps running for ${others.join(", ")}`);
  // A state of version 0.1.0: other stacks of that version are not listed either.
  if (user === undefined)
    return say(`${NAME}: keeps running, other stacks may use it. To stop it: npx fleet localnet stop`);
  await stop(dir);
  // A user that was added in the meantime expects it to run. A stop and a start lose nothing.
  if (usersOf(dir).length > 0) await start(dir);
}

async function ensure(
  inputs: LocalNetworkInputs,
  raw: Raw,
  olds: LocalNetworkOutputs | undefined,
): Promise<LocalNetworkOutputs> {
  const outs = await reporting(NAME, () => started(inputs, raw));
  if (olds?.user !== undefined && olds.user !== inputs.user) removeUser(inputs.dir, olds.user);
  return outs;
}

async function started(inputs: LocalNetworkInputs, raw: Raw): Promise<LocalNetworkOutputs> {
  const began = performance.now();
  const { dir, user, timeoutSeconds } = inputs;
  const isNew = user !== undefined && !isUser(dir, user);
  // Added before the start, so that a concurrent delete of the last other user either sees this one or starts the network again.
  if (user !== undefined) addUser(dir, user);
  const info = await start(dir, { timeoutSeconds }).catch((error: unknown) => {
    if (isNew) removeUser(dir, user);
    throw error;
  });
  say(
    `${NAME.padEnd(22)} running at ${info.gatewayUrl}  ${((performance.now() - began) / 1000).toFixed(1)} s`,
  );
  return { ...raw, ...inputs, ...stable(info) };
}

function stable(info: LocalNetworkInfo) {
  const { gatewayUrl, graphqlUrl, muUrl, cuUrl, scheduler, authority, modules } = info;
  return { schemaVersion: 1 as const, gatewayUrl, graphqlUrl, muUrl, cuUrl, scheduler, authority, modules };
}
