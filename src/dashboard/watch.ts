import { hashOf } from "../core/hash.ts";
import { layout } from "./graph.ts";
import type { FleetView, GraphView, Observation, Source } from "./view.ts";

/** Asks the source again and again while anybody looks, and tells all who look when something changed. */
export interface Watch {
  /** The newest view; observes when there is none yet. */
  latest(): Promise<FleetView>;
  /** Called with every new view until the returned function is called. */
  subscribe(listener: (view: FleetView) => void): () => void;
  /** Observes now, and tells: after an action. */
  refresh(): Promise<FleetView>;
  close(): void;
}

/**
 * @param seconds pause between the end of one observation and the next. Nobody looks: nothing is asked.
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
  const once = (): Promise<FleetView> => {
    observing ??= observe().finally(() => {
      observing = undefined;
    });
    return observing;
  };
  const go = async (): Promise<void> => {
    timer = undefined;
    try {
      await once();
    } catch (error) {
      if (view) {
        view = { ...view, problems: [error instanceof Error ? error.message : String(error)] };
        for (const listener of listeners) listener(view);
      }
    }
    if (listeners.size > 0 && timer === undefined) timer = setTimeout(go, seconds * 1000);
  };
  return {
    latest: async () => view ?? once(),
    subscribe(listener) {
      listeners.add(listener);
      if (listeners.size === 1 && timer === undefined) void go();
      return () => {
        listeners.delete(listener);
        if (listeners.size > 0 || timer === undefined) return;
        clearTimeout(timer);
        timer = undefined;
      };
    },
    async refresh() {
      await observing?.catch(() => undefined);
      return once();
    },
    close() {
      listeners.clear();
      clearTimeout(timer);
    },
  };
}
