import { brief } from "../../core/brief.ts";
import { stepText } from "../../fleet/session/step-phases.ts";
import type { Progress, Row, RowState } from "../../operations/deploy/progress.ts";
import type { Output } from "../output.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const MARK: Readonly<Record<RowState, string>> = {
  waiting: "·",
  running: "",
  done: "✓",
  same: "=",
  held: "‖",
  failed: "✗",
};
const COLOUR = {
  waiting: "dim",
  running: "cyan",
  done: "green",
  same: "dim",
  held: "yellow",
  failed: "red",
} as const;

/** The run as a tree: a headline, then one branch per member with its phases. */
export function treeLines(
  head: string,
  progress: Progress,
  look: {
    readonly now: number;
    readonly columns: number;
    /** Lines of the terminal. Rows that do not fit are only counted, because a tree that has scrolled cannot be redrawn. */
    readonly rows: number;
    readonly style: Output["style"];
  },
): string[] {
  const all = progress.rows();
  const rows = fitting(all, look.rows - 3);
  const width = Math.max(12, ...rows.map(({ name }) => name.length));
  const lines = rows.map((row, index) => {
    const branch = index === rows.length - 1 ? "└─" : "├─";
    const frame = FRAMES[Math.floor(look.now / 120) % FRAMES.length] ?? "";
    const mark = look.style(COLOUR[row.state], row.state === "running" ? frame : MARK[row.state]);
    const time = timeOf(row, look.now);
    const room = look.columns - width - time.length - 12;
    return `${branch} ${mark} ${row.name.padEnd(width)}  ${brief(phasesOf(row), room).padEnd(Math.max(0, room))}  ${look.style("dim", time)}`.trimEnd();
  });
  const hidden = all.length - rows.length;
  const rest = hidden > 0 ? [look.style("dim", `   and ${hidden} more`)] : [];
  return [brief(head, look.columns - 1), ...lines, ...rest];
}

/** As many rows as fit, in their order. Failed and running rows take precedence over finished and waiting ones. */
function fitting(rows: readonly Row[], room: number): readonly Row[] {
  if (rows.length <= room) return rows;
  const first = ["failed", "held", "running", "done", "waiting", "same"] satisfies RowState[];
  const kept = new Set(
    [...rows].sort((a, b) => first.indexOf(a.state) - first.indexOf(b.state)).slice(0, Math.max(1, room)),
  );
  return rows.filter((row) => kept.has(row));
}

/** `spawned › loaded 44 kB › ready HEALTHY`: the last phase with its detail, earlier ones by name. */
function phasesOf({ phases, state }: Row): string {
  if (phases.length === 0) return state === "same" ? "unchanged" : state === "waiting" ? "waiting" : "";
  const last = phases.length - 1;
  return phases.map(({ phase, detail }, at) => stepText(phase, at === last ? detail : "")).join(" › ");
}

function timeOf({ state, since, took }: Row, now: number): string {
  const milliseconds = state === "running" && since !== undefined ? now - since : took;
  return milliseconds === undefined ? "" : `${(milliseconds / 1000).toFixed(1)} s`;
}
