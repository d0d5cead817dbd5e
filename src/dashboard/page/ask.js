import { useEffect, useRef, useState } from "preact/hooks";
import { act } from "./api.js";
import { html, Problem } from "./elements.js";

/** Asks for confirmation, then carries out the action and shows the result. */
export function Ask({ title, text, needs, button, action, done }) {
  const dialog = useRef();
  const [reason, setReason] = useState("");
  const [state, setState] = useState("asking");
  const [lines, setLines] = useState([]);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    dialog.current.showModal();
  }, []);
  const go = async (event) => {
    event.preventDefault();
    setState("working");
    setProblem("");
    try {
      setLines((await act(action(reason))).lines);
      setState("done");
    } catch (error) {
      setProblem(error.message);
      setState("asking");
    }
  };
  return html`<dialog ref=${dialog} aria-labelledby="ask-title" onClose=${done}>
    <form onSubmit=${go}>
      <h2 id="ask-title">${title}</h2>
      <p>${text}</p>
      ${needs ? html`<label>${needs} <input required maxlength="500" value=${reason} onInput=${(event) => setReason(event.target.value)} /></label>` : null}
      <${Problem} text=${problem} />
      ${state === "done" ? html`<p role="status">Done.</p>${lines.map((line) => html`<pre>${line}</pre>`)}` : null}
      <div class="row">
        ${state === "done" ? null : html`<button type="submit" class="strong" disabled=${state === "working"}>${state === "working" ? "Working…" : button}</button>`}
        <button type="button" onClick=${() => dialog.current.close()}>${state === "done" ? "Close" : "Cancel"}</button>
      </div>
    </form>
  </dialog>`;
}
