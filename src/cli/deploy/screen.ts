import { isAboutRun, stepText } from "../../fleet/session/step-phases.ts";
import type { Progress } from "../../operations/deploy/progress.ts";
import type { Watcher } from "../../operations/deploy/run.ts";
import { memberOf, resourceOf } from "../../operations/deploy/urn.ts";
import type { Output } from "../output.ts";
import { treeLines } from "./tree.ts";

/** Shows the progress of a run on stderr: on a terminal, a tree that is redrawn; elsewhere (CI logs), a line for each step; with `--quiet` or `--json`, nothing. */
export function screenFor(output: Output, progress: Progress, head: string): Watcher {
  if (output.live) return liveScreen(output, progress, head);
  return plainScreen(output);
}

function liveScreen(output: Output, progress: Progress, head: string): Watcher {
  const { stderr } = output.streams;
  const began = performance.now();
  let height = 0;
  const note = (text: string) => {
    output.redraw(height, [text]);
    height = 0;
    draw();
  };
  const draw = () => {
    const now = performance.now();
    const look = {
      now,
      columns: stderr.columns ?? 80,
      rows: stderr.rows ?? 24,
      style: output.style.bind(output),
    };
    const lines = treeLines(`${head}  ${((now - began) / 1000).toFixed(0)} s`, progress, look);
    output.redraw(height, lines);
    height = lines.length;
  };
  draw();
  const timer = setInterval(draw, 120);
  return {
    engine() {},
    step(event) {
      if (isAboutRun(event.phase)) note(event.detail);
    },
    note,
    close() {
      clearInterval(timer);
      draw();
      height = 0;
    },
  };
}

function plainScreen(output: Output): Watcher {
  const began = performance.now();
  const say = (text: string) => {
    if (!output.json || output.verbose) output.note(`${elapsed(began)}  ${text}`);
  };
  return {
    engine(event) {
      const failed = event.resOpFailedEvent?.metadata;
      // The providers of all other kinds report their own steps, including the last.
      if (failed && resourceOf(failed.urn).kind === "network")
        say(`${memberOf(resourceOf(failed.urn)).padEnd(22)} ${failed.op} failed`);
      const ended = event.resOutputsEvent?.metadata;
      if (!ended || ended.op === "same") return;
      const resource = resourceOf(ended.urn);
      if (resource.kind === "network") say(`${memberOf(resource).padEnd(22)} ${ended.op}`);
    },
    step(event) {
      const took = event.seconds === undefined ? "" : `  ${event.seconds.toFixed(1)} s`;
      say(`${event.name.padEnd(22)} ${stepText(event.phase, event.detail)}${took}`);
    },
    note: say,
    close() {},
  };
}

const elapsed = (began: number): string => `${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s`;
