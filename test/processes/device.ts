/** The devices that a process under test runs on: how its messages reach the image, and what the image's answer means. */
import { luaDeviceModule } from "../../src/fleet/code/lua-module.ts";
import { LUA_IMAGE } from "../../src/localnet/images.ts";
import { carrierOf, startOf, vmOf } from "../../src/localnet/lua53/evaluator.ts";
import { baseOf, outputIn, requestOf, resultOf } from "../../src/localnet/lua53/shapes.ts";
import type { EvaluatedMessage, ProcessRecord } from "../../src/localnet/types.ts";
import type { Evaluation, OutMessage, RawMessage } from "./aos-wire.ts";

type Message = RawMessage | EvaluatedMessage;

export interface Device {
  /** The messages that a new process starts with. */
  start(spawn: RawMessage): readonly [Message, ...Message[]];
  /** The environment of the image, if it is not the process' own. */
  readonly env?: unknown;
  given(message: RawMessage): Message;
  taken(result: Evaluation): Evaluation;
}

/** A message that a node takes for changes of the state that it serves. */
export const isPatch = ({ Tags }: OutMessage): boolean =>
  Tags.some(({ name, value }) => name.toLowerCase() === "device" && String(value) === "patch@1.0");

/**
 * The patches of a message's outbox, with the types that the node serves. On lua@5.3a, the result has the whole state that is served, and
 * the patches as strings.
 */
function patchesIn({ results, published }: ReturnType<typeof outputIn>): OutMessage[] {
  const body = JSON.parse(String(results.json?.body)) as { readonly Messages: readonly OutMessage[] };
  const types = new Map(Object.entries(published).map(([name, value]) => [name, typeof value]));
  const typed = (name: string, value: string) =>
    types.get(name.toLowerCase()) === "string" ? value : JSON.parse(value);
  return body.Messages.filter(isPatch).map((patch) => ({
    ...patch,
    Tags: patch.Tags.map(({ name, value }) => ({
      name,
      value: types.has(name.toLowerCase()) ? typed(name, value) : value,
    })),
  }));
}

/** aos itself. */
export const WASM_DEVICE: Device = {
  start: (spawn) => [spawn],
  given: (message) => message,
  taken: (result) => result,
};

/** lua@5.3a with the fleet's own module. An error that the module raises fails the test: it would end the process. */
export function luaDevice(process: ProcessRecord): Device {
  const vm = vmOf(LUA_IMAGE);
  const given = (message: RawMessage) =>
    carrierOf(vm, { base: baseOf(process), request: requestOf(process, message) });
  return {
    env: { Process: { Id: vm.id, Owner: vm.owner, Tags: vm.tags }, Module: { Id: vm.module, Tags: [] } },
    start(spawn) {
      const [boot, host, module] = startOf(vm, luaDeviceModule());
      if (!boot || !host || !module) throw new Error("the start of a Lua process has three messages");
      return [boot, host, module, given(spawn)];
    },
    given,
    taken({ Output, ms }) {
      const output = outputIn(Output);
      return { ...resultOf(output), patches: patchesIn(output), ms } as Evaluation;
    },
  };
}
