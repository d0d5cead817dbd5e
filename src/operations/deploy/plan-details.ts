import { z } from "zod";
import type { EngineEvent } from "./engine.ts";
import { memberOf, resourceOf } from "./urn.ts";

/** New code of a member, by module. */
export interface PlannedCode {
  readonly member: string;
  /** The code of the last run; absent for a new member. */
  readonly before?: { readonly version: string; readonly sourceHash: string };
  readonly after: { readonly version: string; readonly sourceHash: string; readonly bytes: number };
  /** Whether it gets a process of its own instead of being loaded in place. */
  readonly newProcess: boolean;
  readonly modules: readonly { readonly name: string; readonly change: "added" | "changed" | "removed" }[];
}

/** Settings of one type that change, field by field. */
export interface PlannedSettings {
  /** The member, or the bundle's name if it has several targets. */
  readonly member: string;
  readonly configType: string;
  /** A side is absent if the field is not set there. Secrets are compared and not shown. */
  readonly fields: readonly { readonly field: string; readonly before?: string; readonly after?: string }[];
}

/** What the plan sends for certain; the ledger, the router and health checks get further messages. */
interface PlannedCost {
  readonly spawns: number;
  readonly loads: number;
  /** UTF-8 bytes of the code that is loaded. */
  readonly bytes: number;
  /** Messages with settings and with ids of peers. */
  readonly settings: number;
  readonly wirings: number;
}

export interface PlanDetails {
  readonly code: readonly PlannedCode[];
  readonly settings: readonly PlannedSettings[];
  readonly cost: PlannedCost;
}

const BundleSchema = z.looseObject({
  hash: z.string(),
  bytes: z.number().default(0),
  modules: z.record(z.string(), z.string()).default({}),
});
const ProcessSchema = z.looseObject({
  bundle: BundleSchema,
  version: z.string(),
  strategy: z.unknown().optional(),
  adopt: z.unknown().optional(),
});
const ConfigSchema = z.looseObject({
  configType: z.string(),
  configData: z.record(z.string(), z.unknown()),
  // A value that the engine does not show is a string, and unknown ones are absent.
  secretData: z.unknown().optional(),
  targets: z.array(z.unknown()).catch([]),
});

/** Operations after which the resource is gone. */
const REMOVES: ReadonlySet<string> = new Set([
  "delete",
  "delete-replaced",
  "discard",
  "remove-pending-replace",
]);
/** Operations that leave a resource as it is. */
const KEEPS: ReadonlySet<string> = new Set(["same", "read", "refresh"]);

/** Collects, from the events of a preview, what changes in code and settings, and what it sends. */
export class PlanCollector {
  readonly #code: PlannedCode[] = [];
  readonly #settings: PlannedSettings[] = [];
  readonly #cost = { spawns: 0, loads: 0, bytes: 0, settings: 0, wirings: 0 };

  readonly listen = ({ resourcePreEvent }: EngineEvent): void => {
    const metadata = resourcePreEvent?.metadata;
    if (!metadata || KEEPS.has(metadata.op) || REMOVES.has(metadata.op)) return;
    const resource = resourceOf(metadata.urn);
    const inputs = metadata.new?.inputs;
    const member = memberOf(resource, inputs);
    const isNew = metadata.op === "create" || metadata.op === "create-replacement";
    if (resource.kind === "process") this.#process(member, metadata.old?.outputs, inputs, isNew);
    if (resource.kind === "config") this.#config(member, metadata.old?.inputs, inputs);
    if (resource.kind === "wiring") this.#cost.wirings += 1;
  };

  details(): PlanDetails {
    return { code: this.#code, settings: this.#settings, cost: { ...this.#cost } };
  }

  #process(member: string, olds: unknown, news: unknown, isNew: boolean): void {
    const now = ProcessSchema.safeParse(news).data;
    if (!now) return;
    const old = isNew ? undefined : ProcessSchema.safeParse(olds).data;
    const adopts = now.adopt !== undefined && now.adopt !== null;
    const isChanged = old?.bundle.hash !== now.bundle.hash || old.version !== now.version;
    if (!isChanged) return;
    const newProcess = old === undefined ? !adopts : now.strategy !== undefined && now.strategy !== null;
    if (newProcess) this.#cost.spawns += 1;
    this.#cost.loads += 1;
    this.#cost.bytes += now.bundle.bytes;
    const { hash: sourceHash, bytes } = now.bundle;
    this.#code.push({
      member,
      ...(old === undefined ? {} : { before: { version: old.version, sourceHash: old.bundle.hash } }),
      after: { version: now.version, sourceHash, bytes },
      newProcess,
      modules: moduleChanges(old?.bundle.modules ?? {}, now.bundle.modules),
    });
  }

  #config(member: string, olds: unknown, news: unknown): void {
    const now = ConfigSchema.safeParse(news).data;
    if (!now) return;
    const old = ConfigSchema.safeParse(olds).data;
    const fields = fieldChanges(old, now);
    if (fields.length === 0) return;
    this.#cost.settings += Math.max(1, now.targets.length);
    this.#settings.push({ member, configType: now.configType, fields });
  }
}

/** The modules that differ. Pure. */
function moduleChanges(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): PlannedCode["modules"] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].sort().flatMap((name) => {
    if (before[name] === after[name]) return [];
    const change = before[name] === undefined ? "added" : after[name] === undefined ? "removed" : "changed";
    return [{ name, change } as const];
  });
}

type Config = z.output<typeof ConfigSchema>;

/** The fields that differ. Pure. */
function fieldChanges(old: Config | undefined, now: Config): PlannedSettings["fields"] {
  const [before, after] = [shownFields(old?.configData), shownFields(now.configData)];
  const plain = [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((field) => {
    const [was, is] = [before.get(field), after.get(field)];
    if (was === is) return [];
    return [
      { field, ...(was === undefined ? {} : { before: was }), ...(is === undefined ? {} : { after: is }) },
    ];
  });
  if (JSON.stringify(old?.secretData) === JSON.stringify(now.secretData)) return plain;
  return [...plain, { field: "(secrets)", before: "(secret)", after: "(secret)" }];
}

const shownFields = (data: Readonly<Record<string, unknown>> = {}): Map<string, string> =>
  new Map(
    Object.entries(data).map(([field, value]) => [
      field,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
