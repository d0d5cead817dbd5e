import { useEffect, useState } from "preact/hooks";
import { get } from "./api.js";
import { Ask } from "./ask.js";
import { Badge, html, Problem, short, when } from "./elements.js";

/** The stack's history, and the differences between two releases. */
export function Releases({ view }) {
  const places = view.releases.filter(({ number }) => number !== null);
  const [from, setFrom] = useState();
  const [to, setTo] = useState();
  const before = from ?? places[1]?.deploymentId;
  const after = to ?? places[0]?.deploymentId;
  const [back, setBack] = useState();
  return html`
    <section aria-labelledby="releases-title">
      <h2 id="releases-title">Releases</h2>
      ${view.releases.length === 0 ? html`<p>${view.unread.includes("releases") ? "The stack's history could not be read." : "No deployments yet."}</p>` : null}
      <div class="scroll" tabindex="0" role="region" aria-label="All releases"><table>
        <thead><tr>${["#", "when", "result", "deployment", "who", "commit", "what", ...(view.actions ? ["roll back"] : [])].map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
        <tbody>${view.releases.map(
          (
            release,
          ) => html`<tr key=${`${release.deploymentId} ${release.at}`} class=${release.current ? "current" : ""}>
          <td class="number">${release.number ?? ""}</td><td>${when(release.at)}</td>
          <td><${Badge} word=${release.result} />${release.current ? html` <strong>runs now</strong>` : null}</td>
          <td class="mono whole">${release.deploymentId ?? "–"}</td><td>${short(release.who, 20)}</td><td class="mono">${release.commit ?? "–"}</td><td>${release.what}</td>
          ${view.actions ? html`<td>${release.number !== null && !release.current ? html`<button type="button" onClick=${() => setBack(release)}>Roll back to ${release.number}</button>` : null}</td>` : null}
        </tr>`,
        )}</tbody>
      </table></div>
      ${
        back
          ? html`<${Ask} title=${`Roll the fleet back to release ${back.number}?`} text="Code, settings, wiring and traffic are rolled back together, by an ordinary deployment." needs="Reason" button="Roll back" action=${(reason) => ({ kind: "rollback", to: back.deploymentId, reason })} done=${() => setBack(undefined)} />`
          : null
      }
    </section>
    ${
      places.length > 1
        ? html`<section aria-labelledby="difference-title">
      <h2 id="difference-title">Differences</h2>
      <div class="row">
        <${Choice} label="from" places=${places} value=${before} set=${setFrom} />
        <${Choice} label="to" places=${places} value=${after} set=${setTo} />
      </div>
      <${Difference} from=${before} to=${after} />
    </section>`
        : null
    }`;
}

const Choice = ({ label, places, value, set }) =>
  html`<label>${label} <select value=${value} onChange=${(event) => set(event.target.value)}>${places.map(
    ({ number, deploymentId }) =>
      html`<option value=${deploymentId} selected=${deploymentId === value}>${number}: ${deploymentId}</option>`,
  )}</select></label>`;

function Difference({ from, to }) {
  const [list, setList] = useState();
  const [problem, setProblem] = useState("");
  useEffect(() => {
    setProblem("");
    setList(undefined);
    get(`/api/difference?${new URLSearchParams({ from, to })}`).then(setList, (error) =>
      setProblem(error.message),
    );
  }, [from, to]);
  if (problem) return html`<${Problem} text=${problem} />`;
  if (list === undefined) return html`<p>Comparing…</p>`;
  if (list.length === 0) return html`<p>No differences.</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Changed fields"><table>
    <thead><tr>${["process", "field", "before", "after"].map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
    <tbody>${list.flatMap(({ name, changes }) => changes.map(({ field, before, after }) => html`<tr key=${`${name} ${field}`}><th scope="row">${name}</th><td>${field}</td><td class="mono">${before || "–"}</td><td class="mono">${after || "–"}</td></tr>`))}</tbody>
  </table></div>`;
}
