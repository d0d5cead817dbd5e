/**
 * A router's behaviour in TypeScript, as simply as possible: the Lua router is compared with it, and tests of the
 * deployer's side talk to it.
 */
import { createHash } from "node:crypto";
import {
  HOLD_CODES,
  type HoldCode,
  type Metrics,
  type RevisionMetrics,
  type ServiceRoutes,
  type SetTraffic,
  type Table,
  type TableRef,
  type TrafficCommand,
  type TrafficState,
} from "../../src/delivery/wire.ts";

type Proof = TrafficState["proofs"][string];

/** A refusal, with its code. */
export class Refused extends Error {
  readonly code: string;
  constructor(code: string, message = code) {
    super(message);
    this.code = code;
  }
}

/** A caller's bucket from 0 to 9,999. */
export function bucket(key: string, salt: string): number {
  const hex = createHash("sha256").update(`${key}\n${salt}`).digest("hex");
  return Number(BigInt(`0x${hex.slice(0, 12)}`) % 10_000n);
}

/** A request as it is routed. */
export interface Request {
  readonly player: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** A request's key by a service's rule. */
export function keyOf(rule: string, { player, tags = {}, data = {} }: Request): string {
  const [kind, name = ""] = rule.split(":");
  const value = kind === "tag" ? tags[name] : kind === "data" ? data[name] : undefined;
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : player;
}

/** The process that gets a request. */
export function choose(service: ServiceRoutes, salt: string, request: Request): string | undefined {
  const { testers } = service;
  if (testers && request.tags?.[testers.tag] === testers.value) return testers.processId;
  const at = bucket(keyOf(service.key, request), salt);
  let edge = 0;
  for (const { processId, weightBp } of service.routes) {
    edge += weightBp;
    if (at < edge) return processId;
  }
  return undefined;
}

const refOf = ({ release, step }: TableRef) => ({ release, step });
const same = (a?: TableRef, b?: TableRef) => a?.release === b?.release && a?.step === b?.step;
const content = (table: Pick<Table, "salt" | "services">) =>
  JSON.stringify([table.salt, sorted(table.services)]);
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v)]),
  );
};

function shares(service?: ServiceRoutes): Map<string, number> {
  const all = new Map<string, number>();
  const most = (id: string | undefined, share: number) => {
    if (id !== undefined && share > 0) all.set(id, Math.max(all.get(id) ?? 0, share));
  };
  for (const { processId, weightBp } of service?.routes ?? []) most(processId, weightBp);
  most(service?.testers?.processId, 1);
  most(service?.mirror, 1);
  return all;
}

/** One router. Tests set its time. */
export class ReferenceRouter {
  at = 1_000_000;
  serial = 0;
  table: Table | undefined;
  proven: Table | undefined;
  lease: TrafficState["lease"];
  command: TrafficState["command"];
  reverted: TrafficState["reverted"];
  readonly proofs = new Map<string, Proof>();
  metrics: Metrics | undefined;
  before: Metrics | undefined;
  /** Undefined like in a router of version 0.1.0, which keeps sentences alone. */
  holdCodes: string[] | undefined = [...HOLD_CODES];

  /** Makes time pass, as with the next message. */
  tick(ms = 0): void {
    this.at += ms;
    if (!this.lease || this.at < this.lease.untilMs) return;
    if (this.lease.onEnd === "hold")
      this.#hold("abandoned", "its deployer is gone, and the state is with the new revision");
    else this.#revert("lease");
  }

  #hold(holdCode: HoldCode, reason: string): void {
    const handed = this.holdCodes && this.#isWithNew() && { handed: true };
    const table = this.table as Table;
    this.table = { ...table, mode: "held", ...(this.holdCodes && { holdCode }), reason, ...handed };
    this.lease = undefined;
    this.serial += 1;
  }

  #revert(why: "lease" | "abort"): void {
    const { services, salt } = this.table as Table;
    this.reverted = { ...refOf(this.table as Table), why, at: this.at, salt, services };
    this.table = this.proven;
    this.lease = undefined;
    this.serial += 1;
    this.#roll();
  }

  #roll(): void {
    this.before = this.metrics;
    this.metrics = { ...refOf(this.table as Table), since: this.at, services: {} };
  }

  set(data: SetTraffic): TableRef & { mode: string; repeated: boolean; serial: number } {
    this.tick();
    // A router of an earlier version refuses unknown fields.
    if (data.holdCode !== undefined && !this.holdCodes?.includes(data.holdCode))
      throw new Refused("INVALID_DATA");
    const mode = data.lease ? "rollout" : data.hold !== undefined ? "held" : "steady";
    const now = this.table;
    const isSame = now !== undefined && same(now, data);
    const until = data.lease && {
      untilMs: this.at + data.lease.forMs,
      revertTo: data.lease.revertTo,
      ...(data.lease.onEnd && { onEnd: data.lease.onEnd }),
    };
    const isEqual = now !== undefined && content(now) === content(data);
    const { expect } = data;
    const isExpected = same(now, expect) && (expect?.serial === undefined || expect.serial === this.serial);
    // A router of version 0.1.0 keeps the reason of a table that is held already.
    const isSameHold =
      this.holdCodes === undefined ||
      data.hold === undefined ||
      (now?.reason === data.hold && now.holdCode === data.holdCode);
    if (isSame && isEqual && now.mode === mode && isSameHold) {
      this.lease = until;
      if (mode === "steady" && this.reverted && isExpected)
        this.reverted = { ...this.reverted, returned: true };
      return { ...refOf(now), mode, repeated: true, serial: this.serial };
    }
    if (!isExpected) throw new Refused("STALE_STEP");
    for (const { routes } of Object.values(data.services)) {
      const sum = routes.reduce((total, { weightBp }) => total + weightBp, 0);
      const ids = new Set(routes.map(({ processId }) => processId));
      if (sum !== 10_000 || ids.size < routes.length || routes.some(({ weightBp }) => weightBp < 0))
        throw new Refused("UNBALANCED_TABLE");
    }
    if (data.lease && data.hold !== undefined) throw new Refused("INVALID_DATA");
    if (data.holdCode !== undefined && data.hold === undefined) throw new Refused("INVALID_DATA");
    if (data.lease && data.lease.revertTo !== this.proven?.release) throw new Refused("NO_PROVEN_TABLE");
    this.#assertProven(data);
    this.#forget(data, isSame, mode);
    this.serial += 1;
    const { release, step, salt, services, hold, holdCode } = data;
    this.table = {
      release,
      step,
      salt,
      services,
      mode,
      at: this.at,
      ...(hold === undefined ? {} : { reason: hold }),
      ...(holdCode === undefined ? {} : { holdCode }),
      ...(this.holdCodes && this.#isHanded(data, isSame) && { handed: true }),
    };
    this.lease = until;
    if (mode === "steady") {
      this.proven = this.table;
      this.command = undefined;
    }
    if (!isSame || !isEqual) this.#roll();
    return { release, step, mode, repeated: false, serial: this.serial };
  }

  #isHanded({ lease, hold }: SetTraffic, isSame: boolean): boolean {
    return lease?.onEnd === "hold" || (hold !== undefined && isSame && this.#isWithNew());
  }

  #isWithNew(): boolean {
    return this.table?.handed === true || this.lease?.onEnd === "hold";
  }

  #forget({ release, holdCode }: SetTraffic, isSame: boolean, mode: string): void {
    const command = this.command?.command;
    const isOverruled = holdCode === "stranded" && (command === "promote" || command === "resume");
    if (!isSame || isOverruled) this.command = undefined;
    if (mode !== "held" && this.reverted?.release === release && this.holdCodes !== undefined)
      this.reverted = undefined;
  }

  #assertProven({ services, release }: SetTraffic): void {
    for (const [name, service] of Object.entries(services)) {
      const held = shares(this.table?.services[name]);
      for (const [id, share] of shares(this.proven?.services[name]))
        held.set(id, Math.max(held.get(id) ?? 0, share));
      for (const [id, share] of shares(service)) {
        if (share <= (held.get(id) ?? 0)) continue;
        const proof = this.proofs.get(id);
        const routes = Object.values(services).flatMap((each) => each.routes);
        const revision = routes.find(({ processId }) => processId === id)?.revision;
        const good = proof?.status === "proven" && proof.release === release;
        if (!good || (revision !== undefined && proof.revision !== revision))
          throw new Refused("UNPROVEN_TARGET", id);
      }
    }
  }

  /** Queries a process and has its answer at once. */
  prove(release: string, id: string, revision: string, status: Proof["status"], detail?: string): void {
    this.tick();
    const known = this.proofs.get(id);
    if (known?.status === "proven" && known.release === release && known.revision === revision) return;
    this.proofs.set(id, {
      release,
      revision,
      status,
      at: this.at,
      ...(detail === undefined ? {} : { detail }),
    });
  }

  say(command: TrafficCommand, by = "deployer"): void {
    this.tick();
    if (!this.table || this.table.mode === "steady") throw new Refused("NO_ROLLOUT");
    if (command === "abort" && !this.proven) throw new Refused("NO_PROVEN_TABLE");
    const { mode, holdCode } = this.table;
    const isAborted = this.command?.command === "abort" && same(this.command, this.table);
    const isOverruled = command === "promote" && holdCode === "stranded";
    if (this.holdCodes && isAborted && command !== "abort" && !isOverruled)
      throw new Refused("ABORT_PENDING");
    this.command = { command, ...refOf(this.table), by, at: this.at };
    const isKept = holdCode === "stranded" || (this.holdCodes !== undefined && this.#isWithNew());
    if (command === "abort" && !isKept) this.#revert("abort");
    else if (command === "abort" && mode === "held") this.serial += this.holdCodes ? 1 : 0;
    else if (command === "abort") this.#hold("paused", "aborted by hand");
    if (command === "pause" && this.table.mode !== "held") this.#hold("paused", "paused by hand");
  }

  route(service: string, request: Request): string | undefined {
    this.tick();
    const entry = this.table?.services[service];
    return entry && this.table && choose(entry, this.table.salt, request);
  }

  /** Counts a request and its answer. */
  count(service: string, id: string, outcome: "answered" | "errors" | "refused", latency: number): void {
    if (!this.metrics) return;
    const revisions = this.metrics.services[service] ?? {};
    this.metrics.services[service] = revisions;
    const none: RevisionMetrics = { requests: 0, answered: 0, errors: 0, refused: 0, latencies: [] };
    const one = revisions[id] ?? none;
    revisions[id] = one;
    one.requests += 1;
    one[outcome] += 1;
    one.latencies = [...one.latencies, latency].slice(-256);
  }

  /** `GET_TRAFFIC`. */
  state(): TrafficState & { serial: number } {
    this.tick();
    return structuredClone({
      ...(this.table && { table: this.table }),
      ...(this.proven && { proven: this.proven }),
      ...(this.lease && { lease: this.lease }),
      ...(this.command && { command: this.command }),
      ...(this.reverted && { reverted: this.reverted }),
      ...(this.metrics && { metrics: this.metrics }),
      ...(this.before && { before: this.before }),
      ...(this.holdCodes && { holdCodes: this.holdCodes }),
      proofs: Object.fromEntries(this.proofs),
      serial: this.serial,
      epoch: 1,
      at: this.at,
    });
  }
}
