import { randomUUID } from "node:crypto";
import { join, resolve } from "node:path";
import { LUA_DEVICE } from "../core/devices.ts";
import { sha256 } from "../core/hash.ts";
import { printableLines } from "../core/printable.ts";
import {
  CONTROL_PATH,
  EXIT,
  isPublished,
  publishDescriptor,
  removeDescriptor,
  STORE_FILE,
} from "./descriptor.ts";
import { LUA_IMAGE } from "./images.ts";
import { luaEvaluator } from "./lua53/evaluator.ts";
import { seedImages, storedModule } from "./modules.ts";
import { isPermitted, register, revoke, unregister } from "./permits.ts";
import { FIRST_HEIGHT } from "./scheduler/blocks.ts";
import { StoreBusy } from "./store/database.ts";
import { sqliteStore } from "./store/sqlite.ts";
import type { Store } from "./store/store.ts";
import { createUnits } from "./units/index.ts";
import { wasmEvaluator } from "./wasm/evaluator.ts";

/** Milliseconds between two checks whether the folder still names this daemon. */
const CHECK_INTERVAL = 1000;
/** Time limit for closing in milliseconds. Everything that was answered is already in the store. */
const CLOSE_TIMEOUT = 10_000;

const dir = resolve(process.argv[2] ?? ".");
const permit = process.argv[3] ?? "";
const self = { permit, pid: process.pid };
const log = (line: string) =>
  process.stdout.write(`${new Date().toISOString()} ${printableLines(line).join("\n    ")}\n`);

function openStore(): Store {
  try {
    return sqliteStore(join(dir, STORE_FILE));
  } catch (error) {
    if (error instanceof StoreBusy) process.exit(EXIT.busy);
    throw error;
  }
}

process.on("exit", () => {
  revoke(dir, permit);
  unregister(dir, self);
});
// In this order, so that a stop that revokes in between finds the registration.
if (!register(dir, self) || !isPermitted(dir, permit)) process.exit(EXIT.revoked);
const store = openStore();
const instance = randomUUID();
let stopping = false;

const loadModule = (id: string) => storedModule(store, id);
const evaluator = wasmEvaluator({ loadModule });

const units = await createUnits({
  store,
  evaluator,
  devices: { [LUA_DEVICE]: luaEvaluator({ wasm: evaluator, image: LUA_IMAGE, loadModule }) },
  log,
  extra(app) {
    app.get(CONTROL_PATH, () => Response.json({ instanceHash: sha256(instance), pid: process.pid, dir }));
    // Only readers of the descriptor know the instance: a page in a browser, also one that is an item of this gateway, does not.
    app.post(`${CONTROL_PATH}/stop/:instance`, (context) => {
      if (context.req.param("instance") !== instance)
        return Response.json({ error: "another instance" }, { status: 409 });
      setImmediate(() => stop());
      return Response.json({ stopping: true });
    });
  },
});

function stop(code: number = 0): void {
  if (stopping) return;
  stopping = true;
  log("stopping");
  if (isPublished(dir, instance)) removeDescriptor(dir);
  setTimeout(() => process.exit(code), CLOSE_TIMEOUT).unref();
  void units.close().finally(() => {
    store.close();
    log("stopped");
    process.exit(code);
  });
}
process.on("SIGTERM", () => stop());
process.on("SIGINT", () => stop());
// The daemon outlives the terminal that started it.
process.on("SIGHUP", () => {});
process.on("unhandledRejection", (reason) =>
  log(`unhandled: ${reason instanceof Error ? reason.stack : String(reason)}`),
);

const modules = seedImages(store, units.scheduler, Date.now(), FIRST_HEIGHT);
// Before the descriptor, so that a reader of the descriptor also finds this line.
log(`ready, gateway ${units.urls.gateway}`);
const published = publishDescriptor(dir, permit, {
  instance,
  pid: process.pid,
  dir,
  gatewayUrl: units.urls.gateway,
  graphqlUrl: units.graphqlUrl,
  muUrl: units.urls.mu,
  cuUrl: units.urls.cu,
  suUrl: units.urls.su,
  nodeUrl: units.urls.node,
  scheduler: units.scheduler,
  authority: units.authority,
  nodeAddress: units.nodeAddress,
  modules,
  startedAt: new Date().toISOString(),
});
if (!published) stop(EXIT.revoked);
else
  setInterval(() => {
    if (isPublished(dir, instance)) return;
    // Clients can no longer find this network: its folder was removed, or another network was published there.
    log("the folder was removed, or belongs to another network");
    stop();
  }, CHECK_INTERVAL).unref();
