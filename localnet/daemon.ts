import { randomUUID } from "node:crypto";
import { join, resolve } from "node:path";
import { CONTROL_PATH, readDescriptor, removeDescriptor, STORE_FILE, writeDescriptor } from "./descriptor.ts";
import { seedImages, storedModule } from "./modules.ts";
import { FIRST_HEIGHT } from "./scheduler/blocks.ts";
import { StoreBusy, sqliteStore } from "./store/sqlite.ts";
import type { Store } from "./store/store.ts";
import { createUnits } from "./units/index.ts";
import { wasmEvaluator } from "./wasm/evaluator.ts";

/** Exit code when another daemon has the folder. */
const EXIT_BUSY = 3;

const dir = resolve(process.argv[2] ?? ".");
const log = (line: string) => process.stdout.write(`${new Date().toISOString()} ${line}\n`);

function openStore(): Store {
  try {
    return sqliteStore(join(dir, STORE_FILE));
  } catch (error) {
    if (error instanceof StoreBusy) process.exit(EXIT_BUSY);
    throw error;
  }
}

const store = openStore();
const instance = randomUUID();
let stopping = false;

const units = await createUnits({
  store,
  evaluator: wasmEvaluator({ loadModule: (id) => storedModule(store, id) }),
  log,
  extra(app) {
    app.get(CONTROL_PATH, () => Response.json({ instance, pid: process.pid, dir }));
    // Only who can read the descriptor knows the instance: a page in a browser does not.
    app.post(`${CONTROL_PATH}/stop/:instance`, (context) => {
      if (context.req.param("instance") !== instance)
        return Response.json({ error: "another instance" }, { status: 409 });
      setImmediate(stop);
      return Response.json({ stopping: true });
    });
  },
});

function stop(): void {
  if (stopping) return;
  stopping = true;
  log("stopping");
  if (readDescriptor(dir)?.instance === instance) removeDescriptor(dir);
  void units.close().finally(() => {
    store.close();
    log("stopped");
    process.exit(0);
  });
}
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
// The terminal that started it may close.
process.on("SIGHUP", () => {});
process.on("unhandledRejection", (reason) =>
  log(`unhandled: ${reason instanceof Error ? reason.stack : String(reason)}`),
);

const modules = seedImages(store, units.scheduler, Date.now(), FIRST_HEIGHT);
// Before the descriptor: who finds that one finds this line too.
log(`ready, gateway ${units.urls.gateway}`);
writeDescriptor(dir, {
  instance,
  pid: process.pid,
  dir,
  gatewayUrl: units.urls.gateway,
  graphqlUrl: units.graphqlUrl,
  muUrl: units.urls.mu,
  cuUrl: units.urls.cu,
  suUrl: units.urls.su,
  scheduler: units.scheduler,
  authority: units.authority,
  modules,
  startedAt: new Date().toISOString(),
});
