import { useState } from "preact/hooks";
import { Badge, html, Id, kindOf, short, when } from "./elements.js";

const BOX = { width: 208, height: 60 };

/** The graph and the table of all processes. */
export function Fleet({ view }) {
  const [filter, setFilter] = useState("");
  const [kind, setKind] = useState("all");
  const shown = view.processes.filter(
    ({ name, processId, health }) =>
      (name.includes(filter) || processId.includes(filter)) && (kind === "all" || kindOf(health) !== "good"),
  );
  return html`
    <section aria-labelledby="graph-title">
      <h2 id="graph-title">Dependencies</h2>
      <${Graph} view=${view} />
    </section>
    <section aria-labelledby="table-title">
      <h2 id="table-title">Processes</h2>
      <div class="row">
        <label>Name or id <input id="filter" type="search" value=${filter} onInput=${(event) => setFilter(event.target.value.trim())} /></label>
        <label><input type="checkbox" checked=${kind !== "all"} onChange=${(event) => setKind(event.target.checked ? "unhealthy" : "all")} /> unhealthy only</label>
        <span class="small" role="status">${shown.length} of ${view.processes.length}</span>
      </div>
      <div class="scroll" tabindex="0" role="region" aria-label="All processes">
        <table>
          <thead><tr>${["process", "health", "version", "code", "id", "epoch", "messages", "errors", "config"].map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
          <tbody>${shown.map((process) => html`<${Row} key=${process.name} process=${process} />`)}</tbody>
        </table>
      </div>
    </section>`;
}

function Row({ process }) {
  const configs = Object.entries(process.configVersions).map(([type, version]) => `${type} ${version}`);
  return html`<tr>
    <th scope="row"><a href=${`#/process/${encodeURIComponent(process.name)}`}>${process.name}</a></th>
    <td><${Badge} word=${process.health} />${process.published ? html`<div class="small">published ${when(process.published.at)}</div>` : null}${process.reasons.map((reason) => html`<div class="small">${reason}</div>`)}</td>
    <td>${process.version || "–"}</td>
    <td><${Id} id=${process.sourceHash} /></td>
    <td><${Id} id=${process.processId} href=${process.explorer} /></td>
    <td class="number">${process.epoch ?? "–"}</td>
    <td class="number">${process.figures?.messages ?? "–"}</td>
    <td class="number">${process.figures?.errors ?? "–"}</td>
    <td class="small">${configs.join(", ") || "–"}</td>
  </tr>`;
}

/** Boxes are links; an arrow leads from a dependency to its dependent. */
export function Graph({ view: { graph, processes } }) {
  const of = new Map(processes.map((process) => [process.name, process]));
  const at = new Map(graph.nodes.map((node) => [node.name, node]));
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Graph of the fleet">
    <svg class="graph" width=${graph.width} height=${graph.height} viewBox=${`0 0 ${graph.width} ${graph.height}`}>
      <title>${`${processes.length} processes and their dependencies`}</title>
      ${graph.edges.map(({ from, to, points }) => html`<path key=${`${from} ${to}`} class="edge" d=${line(points, at.get(from), at.get(to))}><title>${`${to} depends on ${from}`}</title></path>`)}
      ${graph.nodes.map(({ name, x, y }) => {
        const process = of.get(name);
        return html`<a key=${name} href=${`#/process/${encodeURIComponent(name)}`}>
          <g class=${`node ${kindOf(process.health)}`} transform=${`translate(${x - BOX.width / 2} ${y - BOX.height / 2})`}>
            <rect width=${BOX.width} height=${BOX.height} rx="8" />
            <circle cx="18" cy="22" r="5" />
            <text x="32" y="26">${name.length > 22 ? `${name.slice(0, 21)}…` : name}</text>
            <text class="small" x="32" y="45">${short(process.processId)}  ${process.version}  ${process.health}</text>
          </g>
        </a>`;
      })}
    </svg>
  </div>`;
}

/** A path from the right of one box to the left of the other, around the boxes between them. */
function line(points, from, to) {
  const start = { x: from.x + BOX.width / 2, y: from.y };
  const end = { x: to.x - BOX.width / 2, y: to.y };
  const inner = points.slice(2, -2).filter(({ x }) => x > start.x && x < end.x);
  const stops = [start, ...inner, end];
  const curves = stops.slice(1).map(({ x, y }, index) => {
    const before = stops[index];
    const middle = (before.x + x) / 2;
    return `C${middle} ${before.y} ${middle} ${y} ${x} ${y}`;
  });
  const { x, y } = end;
  return `M${start.x} ${start.y}${curves.join("")}M${x - 8} ${y - 4}L${x} ${y}L${x - 8} ${y + 4}`;
}
