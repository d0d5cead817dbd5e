/**
 * Draws a running fleet as an SVG: its dependencies, with the ids and the health that the processes reported.
 *
 * usage: npx fleet status --json | node docs/picture.ts build/deployment-manifest.json > docs/images/fleet.svg
 */
import { readFileSync } from "node:fs";
import { text as readText } from "node:stream/consumers";
import { z } from "zod";

const Status = z.object({
  stack: z.string(),
  processes: z.array(
    z.object({ name: z.string(), processId: z.string(), health: z.string(), version: z.string() }),
  ),
});
const Manifest = z.object({
  processes: z.record(z.string(), z.object({ dependencies: z.array(z.string()) })),
});

type Member = z.infer<typeof Status>["processes"][number];

const BOX = { width: 216, height: 58, across: 100, down: 18, edge: 24 };
const STYLE = `
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328 }
  .small { font-size: 11px; fill: #59636e }
  rect { fill: #f6f8fa; stroke: #d1d9e0 }
  path { fill: none; stroke: #818b98 }
  .tip { fill: #818b98; stroke: none }
  .HEALTHY { fill: #1a7f37 } .DEGRADED { fill: #9a6700 } .UNHEALTHY, .OFFLINE { fill: #d1242f }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .small { fill: #9198a1 }
    rect { fill: #151b23; stroke: #3d444d }
    .HEALTHY { fill: #3fb950 } .DEGRADED { fill: #d29922 } .UNHEALTHY, .OFFLINE { fill: #f85149 }
  }`;

/** The level of each process: 0 without dependencies, else one more than the highest of them. */
function levels(dependencies: ReadonlyMap<string, readonly string[]>): Map<string, number> {
  const found = new Map<string, number>();
  const level = (name: string): number => {
    const known = found.get(name);
    if (known !== undefined) return known;
    const own = Math.max(-1, ...(dependencies.get(name) ?? []).map(level)) + 1;
    found.set(name, own);
    return own;
  };
  for (const name of dependencies.keys()) level(name);
  return found;
}

/** The SVG of a fleet. Names and ids are letters, digits, `_` and `-`, so nothing has to be escaped. */
export function draw(
  members: readonly Member[],
  dependencies: ReadonlyMap<string, readonly string[]>,
): string {
  const depth = levels(dependencies);
  const columns: Member[][] = [];
  for (const member of members) {
    const level = depth.get(member.name) ?? 0;
    columns[level] = [...(columns[level] ?? []), member];
  }
  const tallest = Math.max(...columns.map((column) => column.length));
  const height = 2 * BOX.edge + tallest * (BOX.height + BOX.down) - BOX.down;
  const width = 2 * BOX.edge + columns.length * (BOX.width + BOX.across) - BOX.across;
  const places = new Map<string, { x: number; y: number }>();
  columns.forEach((column, level) => {
    const free = height - column.length * (BOX.height + BOX.down) + BOX.down;
    column.forEach((member, row) => {
      places.set(member.name, {
        x: BOX.edge + level * (BOX.width + BOX.across),
        y: free / 2 + row * (BOX.height + BOX.down),
      });
    });
  });
  const parts: string[] = [];
  for (const [name, needed] of dependencies) {
    const to = places.get(name);
    for (const from of needed.map((other) => places.get(other))) {
      if (!to || !from) continue;
      const [x1, y1, x2, y2] = [from.x + BOX.width, from.y + BOX.height / 2, to.x, to.y + BOX.height / 2];
      const mid = (x1 + x2) / 2;
      parts.push(`<path d="M${x1} ${y1}C${mid} ${y1} ${mid} ${y2} ${x2 - 7} ${y2}"/>`);
      parts.push(`<path class="tip" d="M${x2} ${y2}l-8 -4v8z"/>`);
    }
  }
  for (const { name, processId, health, version } of members) {
    const place = places.get(name);
    if (!place) continue;
    const { x, y } = place;
    parts.push(
      `<rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="6"/>`,
      `<circle class="${health}" cx="${x + 18}" cy="${y + 22}" r="5"/>`,
      `<text x="${x + 32}" y="${y + 26}">${name}</text>`,
      `<text class="small" x="${x + 32}" y="${y + 45}">${processId.slice(0, 8)}…  ${version}  ${health}</text>`,
    );
  }
  const body = parts.map((part) => `  ${part}\n`).join("");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${members.length} processes and what they depend on">
  <style>${STYLE}\n  </style>\n${body}</svg>\n`;
}

if (import.meta.main) {
  const [file] = process.argv.slice(2);
  if (file === undefined)
    throw new Error("usage: fleet status --json | node docs/picture.ts <deployment manifest>");
  const { processes } = Status.parse(JSON.parse(await readText(process.stdin)));
  const manifest = Manifest.parse(JSON.parse(readFileSync(file, "utf8")));
  const dependencies = new Map(Object.entries(manifest.processes).map(([n, p]) => [n, p.dependencies]));
  // Those that others depend on last in their column: next to them the next column begins.
  const needed = new Set([...dependencies.values()].flat());
  const order = [...processes].sort((a, b) => Number(needed.has(a.name)) - Number(needed.has(b.name)));
  process.stdout.write(draw(order, dependencies));
}
