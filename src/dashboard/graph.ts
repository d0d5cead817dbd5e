import dagre from "@dagrejs/dagre";
import type { GraphView, ProcessView } from "./view.ts";

/** Size of a box in pixels, the same as on the page. */
const BOX = { width: 208, height: 60 } as const;

/** Arranges the processes in levels from left to right, dependencies to the left of their dependents. Pure. */
export function layout(processes: readonly Pick<ProcessView, "name" | "dependsOn">[]): GraphView {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: 16, ranksep: 90, marginx: 16, marginy: 16 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { name } of processes) graph.setNode(name, { ...BOX });
  for (const { name, dependsOn } of processes) {
    for (const other of dependsOn) if (graph.hasNode(other)) graph.setEdge(other, name);
  }
  dagre.layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  return {
    width: Math.max(BOX.width, Math.round(width)),
    height: Math.max(BOX.height, Math.round(height)),
    nodes: processes.map(({ name }) => {
      const { x, y } = graph.node(name);
      return { name, x: Math.round(x), y: Math.round(y) };
    }),
    edges: graph.edges().map((edge: { v: string; w: string }) => ({
      from: edge.v,
      to: edge.w,
      points: (graph.edge(edge).points ?? []).map(({ x, y }: { x: number; y: number }) => ({
        x: Math.round(x),
        y: Math.round(y),
      })),
    })),
  };
}
