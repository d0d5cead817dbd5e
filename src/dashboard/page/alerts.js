import { useState } from "preact/hooks";
import { Ask } from "./ask.js";
import { Badge, html, when } from "./elements.js";

/** The fleet's alerts. */
export function Alerts({ view }) {
  const [asked, setAsked] = useState();
  return html`<section aria-labelledby="alerts-title">
    <h2 id="alerts-title">Alerts</h2>
    ${view.unread.includes("alerts") ? html`<p>Not all alerts could be read.</p>` : null}
    ${
      view.alerts.length === 0
        ? view.unread.includes("alerts")
          ? null
          : html`<p>None.</p>`
        : html`<div class="scroll" tabindex="0" role="region" aria-label="All alerts"><table>
      <thead><tr>${["level", "type", "source", "message", "since", "count", "state"].map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
      <tbody>${view.alerts.map(
        (
          alert,
        ) => html`<tr key=${alert.id}><td><${Badge} word=${alert.level} /></td><th scope="row">${alert.type}</th><td>${alert.source}</td><td>${alert.message}</td><td>${when(alert.raisedAt)}</td><td class="number">${alert.count}</td>
          <td><${Badge} word=${alert.state} />${view.actions && alert.state === "OPEN" ? html` <button type="button" onClick=${() => setAsked(alert)}>Acknowledge</button>` : null}</td></tr>`,
      )}</tbody>
    </table></div>`
    }
    ${asked ? html`<${Ask} title=${`Acknowledge ${asked.type}?`} text=${asked.message} button="Acknowledge" action=${() => ({ kind: "acknowledge", alert: asked.id })} done=${() => setAsked(undefined)} />` : null}
  </section>`;
}
