import { useEffect, useState } from "preact/hooks";
import { get } from "./api.js";
import { Badge, html, Id, Problem, when } from "./elements.js";

/** One process: what it reports about itself, its messages by slot, its audit. */
export function Process({ view, name }) {
  const process = view.processes.find((each) => each.name === name);
  if (!process) return html`<${Problem} text=${`This fleet has no process ${name}.`} />`;
  const peers = Object.entries(process.peers);
  const nameOf = (id) => view.processes.find(({ processId }) => processId === id)?.name;
  return html`
    <section aria-labelledby="process-title">
      <h2 id="process-title">${name} <${Badge} word=${process.health} /></h2>
      ${process.reasons.map((reason) => html`<p class="problem">${reason}</p>`)}
      <dl>
        <dt>id</dt><dd class="mono">${process.explorer ? html`<a href=${process.explorer} target="_blank" rel="noreferrer">${process.processId}</a>` : process.processId}</dd>
        ${process.node ? html`<dt>node</dt><dd><a href=${process.node} target="_blank" rel="noreferrer">what it publishes</a></dd>` : null}
        <dt>version</dt><dd>${process.version || "–"}, generation ${process.generation}, epoch ${process.epoch ?? "–"}</dd>
        <dt>code</dt><dd class="mono">${process.sourceHash || "–"}</dd>
        <dt>loaded by</dt><dd class="mono">${process.release || "–"}</dd>
        <dt>depends on</dt><dd>${process.dependsOn.length ? process.dependsOn.map((other) => html`<a href=${`#/process/${encodeURIComponent(other)}`}>${other}</a> `) : "none"}</dd>
        <dt>peers</dt><dd>${peers.length ? peers.map(([peer, id]) => html`<span class="chip">${peer} <${Id} id=${id} />${nameOf(id) === undefined ? " (not a process of this page)" : ""}</span> `) : "none"}</dd>
        <dt>config</dt><dd>${Object.entries(process.configVersions).map(([type, version]) => html`<span class="chip">${type} version ${version}</span> `)}${Object.keys(process.configVersions).length ? "" : "none"}</dd>
        ${process.published ? html`<dt>read</dt><dd>not asked: published at ${when(process.published.at)}${process.published.slot === null ? "" : `, slot ${process.published.slot}`}</dd>` : null}
        <dt>figures</dt><dd>${process.figures ? `${process.figures.messages} messages, ${process.figures.errors} errors, ${process.figures.refused} refused, ${process.figures.luaHeapKB} kB of Lua` : "–"}</dd>
      </dl>
    </section>
    <${Messages} key=${`m ${name}`} name=${name} count=${`${process.figures?.messages} ${process.published?.newest}`} nameOf=${nameOf} />
    <${Audit} key=${`a ${name}`} name=${name} nameOf=${nameOf} />`;
}

function Messages({ name, count, nameOf }) {
  const [list, setList] = useState();
  const [problem, setProblem] = useState("");
  const load = (before) =>
    get(
      `/api/processes/${encodeURIComponent(name)}/messages${before === undefined ? "" : `?before=${before}`}`,
    ).then(
      (page) => {
        setProblem("");
        setList((had) => (before === undefined ? page : [...(had ?? []), ...page]));
      },
      (error) => setProblem(error.message),
    );
  useEffect(() => void load(), [name, count]);
  const last = list?.at(-1)?.slot;
  return html`<section aria-labelledby="messages-title">
    <h2 id="messages-title">Messages by slot</h2>
    <${Problem} text=${problem} />
    ${list === undefined && !problem ? html`<p>Loading…</p>` : null}
    <ol class="messages">${(list ?? []).map(
      (message) => html`<li key=${message.slot} class=${message.failed ? "failed" : ""}>
        <div><strong>#${message.slot}</strong> ${message.action || "(no action)"} from ${nameOf(message.from) ?? html`<${Id} id=${message.from} />`}${message.claims ? html`, <strong>claims to be</strong> ${nameOf(message.claims) ?? html`<${Id} id=${message.claims} />`}` : null}${message.sentTo ? html`, <strong>assigned</strong>: was sent to ${nameOf(message.sentTo) ?? html`<${Id} id=${message.sentTo} />`}, not to this process` : null} <span class="small">${when(message.at)}</span> <${Id} id=${message.id} href=${message.explorer} /></div>
        ${message.data ? html`<pre>${message.data}</pre>` : null}
        ${message.outcome.map((line) => html`<pre class=${message.failed ? "bad" : "calm"}>${line}</pre>`)}
      </li>`,
    )}</ol>
    ${last > 0 ? html`<button type="button" onClick=${() => load(last)}>Earlier messages</button>` : null}
  </section>`;
}

function Audit({ name, nameOf }) {
  const [list, setList] = useState();
  const [problem, setProblem] = useState("");
  const load = () =>
    get(`/api/processes/${encodeURIComponent(name)}/audit`).then(setList, (error) =>
      setProblem(error.message),
    );
  return html`<section aria-labelledby="audit-title">
    <h2 id="audit-title">Audit</h2>
    <${Problem} text=${problem} />
    ${list === undefined ? html`<button type="button" onClick=${load}>Load audit</button>` : null}
    ${list?.length === 0 ? html`<p>No entries.</p>` : null}
    ${
      list?.length
        ? html`<div class="scroll" tabindex="0" role="region" aria-label="Audit entries"><table>
      <thead><tr>${["when", "who", "action", "outcome"].map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
      <tbody>${list.map((entry) => html`<tr key=${entry.seq}><td>${when(entry.at)}</td><td>${nameOf(entry.from) ?? html`<${Id} id=${entry.from} />`}</td><td>${entry.action}</td><td>${entry.outcome} ${entry.code}</td></tr>`)}</tbody>
    </table></div>`
        : null
    }
  </section>`;
}
