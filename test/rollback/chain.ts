import { cpSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { newProject, type Project } from "../e2e/project.ts";
import { look, type Seen } from "./fleet.ts";

const repository = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** A fleet with any number of releases, each with other code, config and shape of the state. */
export interface Chain {
  readonly project: Project;
  /** Writes the files of a release (counted from 1) into the project. */
  write(release: number): void;
  /** The fleet as its callers see it, after adding to its count. */
  look(where: Project, by: number): Promise<Seen>;
  /** The expected look of a release with this count. */
  seen(release: number, count: number): Seen;
}

const greeting = (release: number): string => `greetings of release ${release}`;

const index = (release: number): string => `import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";

const fleet = await Fleet.create("chain", {
  ...settings(new pulumi.Config()),
  ledger: "deployment-coordinator",
  processes: {
    "deployment-coordinator": {},
    counter: {
      version: "${release}.0.0",
      peers: ["reader"],
      config: { PROCESS_CONFIG: { maxConcurrentRequests: ${100 + release} } },
    },
    reader: { dependsOn: ["counter"], peers: ["counter"] },
  },
});
export const processes = fleet.processes;
`;

/** Each release stores its count under its own name, and has every migration from the first shape on, both ways. */
function counter(release: number): string {
  const migrations = Array.from({ length: release - 1 }, (_, step) => {
    const [from, to] = [step + 1, step + 2];
    return `fleet.migrate{ from = "${from}", to = "${to}",
  up = function() S.n${to}, S.n${from} = S.n${from}, nil end,
  down = function() S.n${from}, S.n${to} = S.n${to}, nil end }`;
  });
  return `local fleet = require("fleet")
fleet.process{ name = "counter", processType = "COUNTER", version = "${release}.0.0", capabilities = { "COUNTING" } }
local S = fleet.state("counter", { n${release} = 0 })
${migrations.join("\n")}
fleet.on("ADD", { schema = { by = { type = "integer", required = true } } }, function(data)
  S.n${release} = S.n${release} + data.by
  return { n = S.n${release}, release = ${release} }
end)
`;
}

const reader = (release: number): string => `local fleet = require("fleet")
fleet.process{ name = "reader", processType = "READER", version = "1.0.0", capabilities = {} }
fleet.on("GREET", { who = "anyone" }, function() return { greeting = "${greeting(release)}" } end)
`;

/** The project before its first release; nothing is deployed. */
export async function chain(name: string): Promise<Chain> {
  const project = await newProject(name, { "index.ts": index(1) });
  const ledger = "processes/deployment-coordinator";
  cpSync(join(repository, ledger), join(project.dir, ledger), { recursive: true });
  return {
    project,
    write(release) {
      project.write("index.ts", index(release));
      project.write("processes/counter/process.lua", counter(release));
      project.write("processes/reader/process.lua", reader(release));
    },
    look,
    seen: (release, n) => ({ n, release, greeting: greeting(release), limit: 100 + release }),
  };
}
