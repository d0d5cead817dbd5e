import { isAddress } from "../../core/address.ts";
import type { Budget } from "../../core/budget.ts";
import { FleetError } from "../../core/errors.ts";
import { reportStep } from "../session/progress.ts";
import type { Session } from "../session/session.ts";
import { moduleStore, ownModuleHash } from "./module-store.ts";

/** A member's module as declared: an alias, an id, or `wasm:<hash>` of one in the store. */
interface Declared {
  readonly name: string;
  readonly module: string;
}

/** The module that a member was deployed with. */
interface Published {
  readonly module: string;
  readonly moduleId?: string;
}

/** The own modules that this run knows: name → id on the session's network. */
const known = new WeakMap<Session, Map<string, string>>();
const inProgress = new WeakMap<Session, Map<string, Promise<string>>>();

/** The id of the project's own module, after `ensureModule`. */
const publishedModule = (session: Session, module: string): string | undefined =>
  known.get(session)?.get(module);

/** The id under which this wallet published the project's own module; undefined if the index does not have it. */
export async function findPublishedModule(
  session: Pick<Session, "ao">,
  hash: string,
  budget: Budget,
): Promise<string | undefined> {
  const tags = { Type: "Module", "Module-Hash": hash };
  const [shown] = await session.ao.find({ owners: [session.ao.address], tags }, budget);
  return shown?.id;
}

/**
 * Publishes the module of a member if it is one of the project's own and not on the network yet. It is published once per
 * content: not if it is already known, or found under the wallet's address. Members that share it wait for each other.
 *
 * @throws FleetError MODULE_GONE, NO_UPLOAD
 */
export async function ensureModule(
  session: Session,
  inputs: Declared,
  olds: Published | undefined,
  budget: Budget,
): Promise<void> {
  const hash = ownModuleHash(inputs.module);
  if (hash === undefined || publishedModule(session, inputs.module) !== undefined) return;
  const isKept = olds?.module === inputs.module && olds.moduleId !== undefined;
  const works = of(inProgress, session);
  const work = isKept
    ? Promise.resolve(olds.moduleId)
    : (works.get(hash) ?? publish(session, inputs.name, hash, budget));
  if (!isKept) works.set(hash, work);
  try {
    of(known, session).set(inputs.module, await work);
  } finally {
    works.delete(hash);
  }
}

async function publish(session: Session, member: string, hash: string, budget: Budget): Promise<string> {
  const { project, stack, home } = session.scope;
  const intent = `${project}/${stack}/module/${hash}`;
  const earlier = session.journal
    .history()
    .filter(({ key, state }) => key === intent && state !== "voided")
    .at(-1);
  if (earlier?.state === "settled") {
    // The network may have been reset since, and then no longer has it.
    const [shown] = await session.ao.find({ ids: [earlier.id] }, budget);
    if (shown) return shown.id;
  }
  if (earlier === undefined) {
    const shown = await findPublishedModule(session, hash, budget);
    if (shown !== undefined) return shown;
  }
  const own = await moduleStore(home).get(hash);
  if (!own) throw gone(hash, home);
  // Before anything is spent, so that a run that does not get the epoch stops here.
  await session.deployment.epoch();
  const started = performance.now();
  const { id } = await session.ao.publish(
    { intent, tags: { ...own.tags, "Module-Hash": hash }, data: own.wasm },
    budget,
  );
  // The intent stays open until the index shows the module, so that a run after a crash sends the same bytes again.
  if ((await session.ao.find({ ids: [id] }, budget)).length > 0) await session.ao.settle(intent);
  const kB = Math.max(1, Math.round(own.wasm.length / 1000));
  await reportStep(session, member, "published", `module ${id.slice(0, 8)}, ${kB} kB`, started);
  return id;
}

function of<T>(held: WeakMap<Session, Map<string, T>>, session: Session): Map<string, T> {
  const map = held.get(session) ?? new Map<string, T>();
  held.set(session, map);
  return map;
}

const gone = (hash: string, home: string) =>
  new FleetError({
    code: "MODULE_GONE",
    what: "The project's own module is neither in the store nor published by this wallet.",
    got: `no ${hash} in ${home}/modules`,
    expected: "the .wasm file of the release",
    remedy:
      "Run the command on the machine that has the file, or declare the module by its id on the network.",
  });

/** An alias of the network, or the id itself. */
export function moduleId(session: Session, module: string): string {
  const known = session.modules[module] ?? publishedModule(session, module);
  if (known !== undefined) return known;
  if (isAddress(module)) return module;
  const aliases = Object.keys(session.modules);
  throw new FleetError({
    code: "MODULE_UNKNOWN",
    what: `The network "${session.network.kind}" has no module "${module}".`,
    got: module,
    expected: `a 43-character module id${aliases.length > 0 ? ` or one of ${aliases.join(", ")}` : ""}`,
    remedy: "Run pulumi config set module <id>.",
  });
}
