import { useState } from "preact/hooks";
import { Ask } from "./ask.js";
import { Badge, html, Id, percent, when } from "./elements.js";

const COMMANDS = {
  promote:
    "Passes the gate, or goes to the next step, at once. A rollout on hold is judged again by the next deployment, which reverts it if a check fails by then and the strategy rolls back by itself.",
  pause: "Keeps the present shares until the rollout is resumed.",
  resume: "Continues a paused rollout.",
  abort:
    "Returns all requests to the last proven table: at once, or, while the state is with the new revision, by the run that watches the rollout or the next deployment.",
};

/** The shares of the requests, and their figures. */
export function Traffic({ view }) {
  const [command, setCommand] = useState();
  const { traffic } = view;
  if (!traffic)
    return html`<section aria-labelledby="traffic-title"><h2 id="traffic-title">Traffic</h2><p>${view.unread.includes("traffic") ? "The traffic table could not be read." : "No traffic table: every service has one revision, which gets all requests."}</p></section>`;
  const nameOf = (id) => view.processes.find(({ processId }) => processId === id)?.name;
  return html`<section aria-labelledby="traffic-title">
    <h2 id="traffic-title">Traffic <${Badge} word=${traffic.mode} /></h2>
    <p>Step ${traffic.step} of <span class="mono">${traffic.release}</span>${traffic.leaseUntil ? `, under a lease until ${when(traffic.leaseUntil)}` : ""}.</p>
    ${traffic.notes.map((note) => html`<p>${note}</p>`)}
    ${traffic.services.map(
      ({ service, routes }) => html`<h3>${service}</h3>
      <div class="shares" aria-hidden="true">${routes.map((route, index) => (route.weightBp > 0 ? html`<span class=${`share s${index % 4}`} style=${{ flexGrow: route.weightBp }}>${percent(route.weightBp)}</span>` : null))}</div>
      <div class="scroll" tabindex="0" role="region" aria-label=${`Traffic of ${service}`}><table>
        <thead><tr>${["revision", "process", "share", "requests", "faults", "refused", "open", "p95"].map((head, index) => html`<th scope="col" class=${index > 1 ? "number" : ""}>${head}</th>`)}</tr></thead>
        <tbody>${routes.map(
          (route) =>
            html`<tr key=${route.processId}><th scope="row"><${Id} id=${route.revision} /></th><td>${nameOf(route.processId) ?? ""} <${Id} id=${route.processId} /></td><td class="number">${percent(route.weightBp)}</td><td class="number">${route.requests}</td><td class="number">${route.errors}</td><td class="number">${route.refused}</td><td class="number">${route.open}</td><td class="number">${route.p95Ms === null ? "–" : `${route.p95Ms} ms`}</td></tr>`,
        )}</tbody>
      </table></div>`,
    )}
    ${view.actions ? html`<div class="row">${Object.keys(COMMANDS).map((name) => html`<button type="button" onClick=${() => setCommand(name)}>${name}</button>`)}</div>` : null}
    ${command ? html`<${Ask} title=${`${command} the rollout?`} text=${COMMANDS[command]} button=${command} action=${() => ({ kind: command })} done=${() => setCommand(undefined)} />` : null}
  </section>`;
}
