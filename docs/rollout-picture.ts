/**
 * Draws recorded rollouts as an SVG: the new revision's share over time, the revision that answered each request, the phases and the verdicts.
 *
 * usage: node test/e2e/record-rollouts.ts > build/rollouts.json; node docs/rollout-picture.ts build/rollouts.json > docs/images/canary.svg
 */
import { readFileSync } from "node:fs";
import { z } from "zod";

const RecordingSchema = z.object({
  title: z.string(),
  /** The run's progress: seconds since it began to shift traffic, the guide's phase, the rest of the line. */
  said: z.array(z.object({ at: z.number(), phase: z.string(), detail: z.string() })),
  /** The new revision's share in the router's table, 0 to 1, whenever it was looked at. */
  shares: z.array(z.object({ at: z.number(), green: z.number() })),
  /** Every request: when it was answered and by whom. */
  requests: z.array(z.object({ at: z.number(), by: z.enum(["blue", "green", "fault"]) })),
});
export type Recording = z.infer<typeof RecordingSchema>;

const PLOT = { left: 64, width: 880, share: 120, dots: 54, gap: 14, head: 84, foot: 66 };
const HEIGHT = PLOT.head + PLOT.share + PLOT.gap + PLOT.dots + PLOT.foot;
const STYLE = `
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328 }
  .title { font-weight: 600 }
  .small { font-size: 11px; fill: #59636e }
  .frame { fill: #f6f8fa; stroke: #d1d9e0 }
  .share { fill: #1a7f37; fill-opacity: .22; stroke: #1a7f37; stroke-width: 1.5 }
  .phase { stroke: #818b98; stroke-dasharray: 2 3 }
  .blue { fill: #0969da } .green { fill: #1a7f37 } .fault { fill: #d1242f }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .small { fill: #9198a1 } .frame { fill: #151b23; stroke: #3d444d }
    .share { fill: #3fb950; stroke: #3fb950 } .blue { fill: #4493f8 } .green { fill: #3fb950 } .fault { fill: #f85149 }
  }`;

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const LANES = { blue: 0, green: 1, fault: 2 } as const;
const LABELS = { blue: "old answers", green: "new answers", fault: "faults" } as const;

/** Lines of at most so many characters, cut at blanks. */
function wrapped(text: string, most: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last.length + word.length + 1 > most) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines;
}

/** One recording, its top at `y`. */
function panel({ title, said, shares, requests }: Recording, y: number, span: number): string[] {
  const x = (at: number): number => Math.round((PLOT.left + (at / span) * PLOT.width) * 10) / 10;
  const top = y + PLOT.head;
  const bottom = top + PLOT.share;
  const lanes = bottom + PLOT.gap;
  const parts = [
    `<text class="title" x="${PLOT.left}" y="${y + 20}">${escaped(title)}</text>`,
    `<rect class="frame" x="${PLOT.left}" y="${top}" width="${PLOT.width}" height="${PLOT.share}"/>`,
    `<text class="small" x="8" y="${top + 10}">100 %</text>`,
    `<text class="small" x="8" y="${bottom}">new: 0 %</text>`,
  ];
  let path = `M${x(0)} ${bottom}`;
  let before = 0;
  for (const { at, green } of shares) {
    path += `L${x(at)} ${bottom - before * PLOT.share}L${x(at)} ${bottom - green * PLOT.share}`;
    before = green;
  }
  const last = Math.max(...shares.map(({ at }) => at), 0);
  parts.push(
    `<path class="share" d="${path}L${x(last)} ${bottom - before * PLOT.share}L${x(last)} ${bottom}Z"/>`,
  );
  const phases = said.filter(({ phase }, index) => phase !== said[index - 1]?.phase);
  let [edge, row] = [0, 0];
  for (const { at, phase } of phases) {
    const from = Math.min(x(at), PLOT.left + PLOT.width - phase.length * 6.8);
    row = from < edge ? (row + 1) % 3 : 0;
    edge = from + phase.length * 6.8 + 6;
    parts.push(
      `<path class="phase" d="M${x(at)} ${top - 10}V${bottom}"/>`,
      `<text class="small" x="${from}" y="${top - 14 - row * 13}">${escaped(phase)}</text>`,
    );
  }
  for (const [by, lane] of Object.entries(LANES)) {
    const middle = lanes + lane * 18 + 9;
    const label = LABELS[by as keyof typeof LABELS];
    parts.push(`<text class="small" x="${PLOT.left + PLOT.width + 8}" y="${middle + 4}">${label}</text>`);
    for (const request of requests.filter((one) => one.by === by))
      parts.push(`<circle class="${by}" cx="${x(request.at)}" cy="${middle}" r="2.5"/>`);
  }
  for (let second = 0; second <= span; second += 10)
    parts.push(`<text class="small" x="${x(second)}" y="${lanes + PLOT.dots + 12}">${second} s</text>`);
  const verdict = said.filter(({ detail }) => detail.startsWith("verdict ")).at(-1)?.detail ?? "";
  wrapped(verdict, 128)
    .slice(0, 3)
    .forEach((line, index) => {
      parts.push(
        `<text class="small" x="${PLOT.left}" y="${lanes + PLOT.dots + 28 + index * 14}">${escaped(line)}</text>`,
      );
    });
  return parts;
}

/** The SVG of recordings, one below the other on one scale of time. */
export function draw(recordings: readonly Recording[]): string {
  const ends = recordings.flatMap(({ shares }) => shares.map(({ at }) => at));
  const span = Math.max(10, Math.ceil(Math.max(...ends) / 5) * 5);
  const parts = recordings.flatMap((recording, index) => panel(recording, index * HEIGHT, span));
  const [width, height] = [PLOT.left + PLOT.width + 96, recordings.length * HEIGHT];
  const label = recordings.map(({ title }) => title).join("; ");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(label)}">
  <style>${STYLE}\n  </style>\n${parts.map((part) => `  ${part}\n`).join("")}</svg>\n`;
}

if (import.meta.main) {
  const [file] = process.argv.slice(2);
  if (file === undefined) throw new Error("usage: node docs/rollout-picture.ts <recordings.json>");
  process.stdout.write(draw(z.array(RecordingSchema).parse(JSON.parse(readFileSync(file, "utf8")))));
}
