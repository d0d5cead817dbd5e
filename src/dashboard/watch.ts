import { hashOf } from "../core/hash.ts";
import { redactText } from "../core/redact.ts";
import { timerDelay } from "../core/timers.ts";
import { layout } from "./graph.ts";
import type { FleetView, GraphView, Observation, Source } from "./view.ts";

/** Reads the source periodically while there are subscribers, and sends them every new view. */
export interface Watch {
  /** The newest view; reads the source if there is none yet, or if nothing else keeps it up to date. */
  latest(): Promise<FleetView>;
  /** Calls the listener with every new view. The returned function ends the subscription. */
  subscribe(listener: (view: FleetView) => void): () => void;
  /** Reads the source now and sends the view, for use after an action. */
  refresh(): Promise<FleetView>;
  close(): void;
}

/**
 * @param seconds pause between two reads; without subscribers nothing is read
 * @param actions whether the page may change anything
 */
export function watch(source: Source, seconds: number, actions: boolean): Watch {
  const listeners = new Set<(view: FleetView) => void>();
  let view: FleetView | undefined;
  let graph: { key: string; value: GraphView } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let observing: Promise<FleetView> | undefined;

  const graphOf = (processes: Observation["processes"]): GraphView => {
    const key = hashOf(processes.map(({ name, dependsOn }) => [name, [...dependsOn]]));
    if (graph?.key !== key) graph = { key, value: layout(processes) };
    return graph.value;
  };
  const observe = async (): Promise<FleetView> => {
    const observation = await source.observe();
    const now: FleetView = {
      ...observation,
      takenAt: new Date().toISOString(),
      graph: graphOf(observation.processes),
      actions,
    };
    view = now;
    for (const listener of listeners) listener(now);
    return now;
  };
  const observeOnce = (): Promise<FleetView> => {
    observing ??= observe().finally(() => {
      observing = undefined;
    });
    return observing;
  };
  /** Reads the source. A failure becomes the problem of the view before, if there is one. */
  const renew = async (): Promise<FleetView> => {
    try {
      return await observeOnce();
    } catch (error) {
      if (!view) throw error;
      view = { ...view, problems: [redactText(error instanceof Error ? error.message : String(error))] };
      for (const listener of listeners) listener(view);
      return view;
    }
  };
  const isOld = ({ takenAt }: FleetView): boolean => Date.now() - Date.parse(takenAt) >= seconds * 1000;
  const tick = async (): Promise<void> => {
    timer = undefined;
    await renew().catch(() => undefined);
    if (listeners.size > 0 && timer === undefined) timer = setTimeout(tick, timerDelay(seconds * 1000));
  };
  return {
    // While there are subscribers, a timer reads it.
    latest: async () => (view && (listeners.size > 0 || !isOld(view)) ? view : renew()),
    subscribe(listener) {
      listeners.add(listener);
      if (listeners.size === 1 && timer === undefined) void tick();
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0 || timer === undefined) return;
        clearTimeout(timer);
        timer = undefined;
      };
    },
    async refresh() {
      await observing?.catch(() => undefined);
      return observeOnce();
    },
    close() {
      listeners.clear();
      clearTimeout(timer);
    },
  };
}
