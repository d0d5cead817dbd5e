/** The dashboard of a real stack in a real browser. */
import { join } from "node:path";
import { PassThrough } from "node:stream";
import type { Page } from "playwright-core";
import type { Context } from "../../src/cli/command.ts";
import { runRollback } from "../../src/cli/dashboard/rollback.ts";
import { type Host, realHost } from "../../src/cli/host.ts";
import { Output } from "../../src/cli/output.ts";
import { serveDashboard } from "../../src/dashboard/server.ts";
import type { FleetSession } from "../../src/fleet/fleet-session.ts";
import { fleetSource } from "../../src/operations/view/source.ts";
import { type Workspace, workspaceOf } from "../../src/operations/workspace/workspace.ts";
import { openBrowser } from "../dashboard/browser.ts";
import type { Project } from "./project.ts";

/** The environment of commands in a test's project. */
export function placeOf(project: Project): { env: NodeJS.ProcessEnv; workspace: Workspace } {
  const env = {
    ...process.env,
    PULUMI_BACKEND_URL: project.backend,
    PULUMI_CONFIG_PASSPHRASE: "only a test",
    NO_COLOR: "1",
  };
  return { env, workspace: workspaceOf(project.dir, env) };
}

/** Saves a picture for the docs, if FLEET_PICTURES names a folder. */
export async function savePicture(page: Page, name: string): Promise<void> {
  const folder = process.env.FLEET_PICTURES;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
}

export interface ShownPage {
  readonly page: Page;
  /** The dashboard's address, with its token if there is one. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves the page of a fleet and opens it in a browser.
 *
 * @param shown the page's source; actions get a session of their own from `fleet`
 */
export async function showPage(
  project: Project,
  shown: FleetSession,
  {
    fleet,
    height,
    ...served
  }: {
    readonly fleet: () => Promise<FleetSession>;
    readonly height: number;
    readonly everySeconds: number;
    readonly allowActions: boolean;
  },
): Promise<ShownPage> {
  const { env, workspace } = placeOf(project);
  const silent = Object.assign(new PassThrough(), { isTTY: false }).resume();
  const host: Host = { ...realHost(), stdout: silent, stderr: silent, env, cwd: project.dir };
  const context: Context = {
    ...{ host, out: new Output(host), projectDir: project.dir },
    workspace: async () => workspace,
    stack: async () => "dev",
    onStack: "",
    fleet,
  };
  const dashboard = await serveDashboard(
    fleetSource(context, shown, (...action) => runRollback(context, ...action)),
    {
      host: "127.0.0.1",
      port: 0,
      ...served,
    },
  );
  const browser = await openBrowser();
  const page = await browser.newPage({ viewport: { width: 1280, height } });
  return {
    ...{ page, url: dashboard.url },
    async close() {
      await browser.close();
      await dashboard.close();
    },
  };
}
