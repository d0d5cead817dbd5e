import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Alerts } from "./alerts.js";
import { follow } from "./api.js";
import { Badge, html, Problem, when } from "./elements.js";
import { Fleet } from "./fleet.js";
import { printable } from "./printable.js";
import { Process } from "./process.js";
import { Releases } from "./releases.js";
import { Traffic } from "./traffic.js";

const TABS = [
  ["fleet", "Fleet"],
  ["releases", "Releases"],
  ["traffic", "Traffic"],
  ["alerts", "Alerts"],
];
const routeNow = () => location.hash.replace(/^#\//, "").split("/").map(decoded);

/** Anybody can write a link to the page: one that is no text leads to no page. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return "";
  }
}

/** Keys: a number opens a page, a slash focuses the filter. */
function pressed(event) {
  if (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)
  )
    return;
  const chosen = TABS[Number(event.key) - 1];
  if (chosen) location.hash = `#/${chosen[0]}`;
  if (event.key === "/" && document.getElementById("filter")) {
    event.preventDefault();
    document.getElementById("filter").focus();
  }
}

function App() {
  const [view, setView] = useState();
  const [open, setOpen] = useState(true);
  const [problem, setProblem] = useState("");
  const [[tab = "fleet", name], setRoute] = useState(routeNow());
  const main = useRef();
  useEffect(() => follow(setView, setOpen, setProblem), []);
  useEffect(() => {
    const moved = () => {
      setRoute(routeNow());
      main.current?.focus();
    };
    addEventListener("hashchange", moved);
    addEventListener("keydown", pressed);
    return () => {
      removeEventListener("hashchange", moved);
      removeEventListener("keydown", pressed);
    };
  }, []);
  if (!view)
    return html`<main class="pad"><h1>fleet</h1><p>Loading…</p><${Problem} text=${problem} /></main>`;
  const healthy = view.processes.filter(({ health }) => health === "HEALTHY").length;
  const active = view.alerts.filter(({ state }) => state === "OPEN").length;
  document.title = printable(`${healthy}/${view.processes.length} ${view.project}/${view.stack}`);
  const chosen = tab === "" || tab === "process" ? "fleet" : tab;
  return html`
    <header>
      <a class="skip" href="#main" onClick=${(event) => {
        event.preventDefault();
        main.current.focus();
      }}>Skip to content</a>
      <h1>${view.project}/${view.stack} <span class="small">on ${view.network}</span></h1>
      <p class="row">
        <${Badge} word=${healthy === view.processes.length ? "HEALTHY" : "UNHEALTHY"} />
        <span id="count">${healthy} of ${view.processes.length} processes are healthy</span>
        <span class="small" id="taken">${open ? `as of ${when(view.takenAt)}` : "connection to the server is broken; reconnecting"}</span>
        <span class="small">${view.actions ? "actions allowed" : "read-only"}</span>
        <${Theme} />
      </p>
      <nav aria-label="Pages">${TABS.map(([id, title], index) => html`<a href=${`#/${id}`} aria-current=${chosen === id ? "page" : undefined} title=${`key ${index + 1}`}>${title}${id === "alerts" && active > 0 ? ` (${active})` : ""}</a>`)}</nav>
    </header>
    <main id="main" tabindex="-1" ref=${main}>
      ${view.problems.map((text) => html`<${Problem} key=${text} text=${text} />`)}
      ${
        tab === "process"
          ? html`<${Process} view=${view} name=${name} />`
          : chosen === "releases"
            ? html`<${Releases} view=${view} />`
            : chosen === "traffic"
              ? html`<${Traffic} view=${view} />`
              : chosen === "alerts"
                ? html`<${Alerts} view=${view} />`
                : html`<${Fleet} view=${view} />`
      }
    </main>`;
}

/** Theme: light, dark, or the system's. */
function Theme() {
  const [theme, setTheme] = useState(localStorage.getItem("theme") ?? "system");
  useEffect(() => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
  }, [theme]);
  return html`<label class="small">colours <select value=${theme} onChange=${(event) => setTheme(event.target.value)}>${["system", "light", "dark"].map((each) => html`<option selected=${each === theme}>${each}</option>`)}</select></label>`;
}

const page = document.getElementById("page");
page.replaceChildren();
render(html`<${App} />`, page);
