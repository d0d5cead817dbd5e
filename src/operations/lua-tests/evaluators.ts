/** The evaluators of the embedded network, without a network around them. */
import { LUA_DEVICE } from "../../core/devices.ts";
import { FleetError } from "../../core/errors.ts";
import { luaDeviceModule } from "../../fleet/code/lua-module.ts";
import { moduleStore, ownModuleHash } from "../../fleet/code/module-store.ts";
import type { Evaluator, ModuleSource } from "../../localnet/evaluator.ts";
import { ensureImages } from "../../localnet/fetch-images.ts";
import { aosImages, LUA_IMAGE } from "../../localnet/images.ts";
import { luaEvaluator } from "../../localnet/lua53/evaluator.ts";
import { wasmEvaluator } from "../../localnet/wasm/evaluator.ts";
import type { Program } from "./programs.ts";

/** The image in which tests run. */
export const RUNNER_IMAGE = LUA_IMAGE;

/** Id of the fleet's own module for `lua@5.3a`, as the evaluators know it. */
const OWN_LUA = "fleet-lua";

export interface Evaluators {
  /** Evaluates the tests themselves. */
  readonly tests: Evaluator;
  /** The evaluator of a program's processes, and the id of its module. @throws FleetError TEST_MODULE_UNKNOWN */
  of(program: Pick<Program, "module" | "device" | "name">): Promise<{ evaluator: Evaluator; module: string }>;
  close(): Promise<void>;
}

/**
 * Threads that evaluate: one for tests and one for the processes under test, so that each keeps the memory that it holds.
 *
 * @param home the folder `.fleet`, where the project's own modules are
 * @param log gets a line before the images are downloaded
 */
export async function evaluators(
  home: string,
  timeoutSeconds: number,
  log: (line: string) => void,
): Promise<Evaluators> {
  await ensureImages({ log });
  const images = aosImages();
  const own = new Map<string, ModuleSource>();
  const loadModule = (id: string): ModuleSource | undefined => {
    const image = images.find((each) => each.id === id);
    return image === undefined ? own.get(id) : { id, owner: "", tags: image.tags, wasm: image.read() };
  };
  own.set(OWN_LUA, { id: OWN_LUA, owner: "", tags: [], wasm: Buffer.from(luaDeviceModule()) });
  const options = { loadModule, workers: 1, timeoutSeconds };
  const [tests, wasm] = [wasmEvaluator(options), wasmEvaluator(options)];
  const lua = luaEvaluator({ wasm, image: LUA_IMAGE, loadModule });
  return {
    tests,
    async of({ module, device, name }) {
      if (device === LUA_DEVICE) {
        if (module === "aos" || ownModuleHash(module) !== undefined)
          return { evaluator: lua, module: OWN_LUA };
        throw unknownModule(name, module, "the fleet's own module of lua@5.3a");
      }
      const image =
        module === "aos" ? images[0] : images.find(({ id, name }) => id === module || name === module);
      if (image !== undefined) return { evaluator: wasm, module: image.id };
      const hash = ownModuleHash(module);
      const found = hash === undefined ? undefined : await moduleStore(home).get(hash);
      if (found === undefined)
        throw unknownModule(
          name,
          module,
          `aos, ${images.map((each) => each.name).join(", ")}, or one of the project`,
        );
      const tags = Object.entries(found.tags).map(([key, value]) => ({ name: key, value }));
      own.set(module, { id: module, owner: "", tags, wasm: found.wasm });
      return { evaluator: wasm, module };
    },
    async close() {
      await Promise.all([tests.close?.(), wasm.close?.()]);
    },
  };
}

function unknownModule(name: string, got: string, expected: string): FleetError {
  return new FleetError({
    code: "TEST_MODULE_UNKNOWN",
    what: `The module of ${name} is not on this machine, so it cannot be tested here.`,
    got,
    expected,
    remedy: 'Test it on an image of aos: test.boot(name, { module = "aos" }).',
  });
}
