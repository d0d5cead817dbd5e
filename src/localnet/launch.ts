import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { IMAGES_VARIABLE, isGateway } from "../core/aos-images.ts";
import { FleetError } from "../core/errors.ts";
import { kill } from "../core/processes.ts";
import { sibling } from "../core/sibling.ts";
import { EXIT, LOG_FILE, readDescriptor } from "./descriptor.ts";
import { isPermitted, makePermit, register, revoke, unregister } from "./permits.ts";

/** A daemon that this process launched. */
export interface Daemon {
  readonly pid: number | undefined;
  /** Resolves once it has ended. */
  readonly exit: Promise<void>;
  /** How it ended; undefined while it runs. `lost`: another daemon has opened the folder. `stopped`: it was stopped while starting. */
  end(): "lost" | "stopped" | "failed" | undefined;
  /** Ends it and waits for its exit, unless it has become the folder's network. */
  dismiss(): Promise<void>;
}

/** Starts a daemon on an existing folder. @throws FleetError LOCALNET_EVALUATOR */
export function launch(folder: string): Daemon {
  requireEvaluator();
  const output = openSync(join(folder, LOG_FILE), "a");
  const permit = makePermit(folder);
  const program = fileURLToPath(sibling(import.meta.url, "daemon"));
  const flags = ["--experimental-wasm-memory64", "--disable-warning=ExperimentalWarning"];
  const child = spawn(nodeBinary(), [...flags, program, folder, permit], {
    detached: true,
    stdio: ["ignore", output, output],
    cwd: folder,
    env: environment(),
  });
  closeSync(output);
  let ended: ReturnType<Daemon["end"]>;
  const exit = new Promise<void>((resolve) => {
    const end = (code: number | null) => {
      const revoked = !revoke(folder, permit) && (code === null || code === 0);
      ended = code === EXIT.busy ? "lost" : code === EXIT.revoked || revoked ? "stopped" : "failed";
      if (child.pid !== undefined) unregister(folder, { permit, pid: child.pid });
      resolve();
    };
    child.on("exit", end);
    child.on("error", () => end(1));
  });
  child.unref();
  if (child.pid !== undefined) register(folder, { permit, pid: child.pid });
  // A stop before the registration has not seen this daemon, so it must not start. One that has published itself has no permit either.
  if (!isPermitted(folder, permit) && readDescriptor(folder)?.pid !== child.pid) child.kill("SIGKILL");
  return {
    pid: child.pid,
    exit,
    end: () => ended,
    async dismiss() {
      const { pid } = child;
      if (ended !== undefined || pid === undefined) return;
      const published = !revoke(folder, permit) && readDescriptor(folder)?.pid === pid;
      if (published) return;
      child.ref();
      kill(pid);
      await exit;
    },
  };
}

/** A missing evaluator is reported here, because nobody sees the daemon's output. */
function requireEvaluator(): void {
  try {
    createRequire(import.meta.url).resolve("@permaweb/ao-loader");
  } catch {
    throw new FleetError({
      code: "LOCALNET_EVALUATOR",
      what: "The embedded network's evaluator is not installed.",
      got: "no package @permaweb/ao-loader",
      expected: "the optional dependency @permaweb/ao-loader",
      remedy:
        "Run `npm install --include=optional`, or use another network: pulumi config set network legacy",
    });
  }
}

/** The Node 22 that is installed with the packages: the evaluator needs it, whatever Node runs the caller. */
function nodeBinary(): string {
  try {
    const manifest = createRequire(import.meta.url).resolve("node/package.json");
    const binary = join(dirname(manifest), "bin", process.platform === "win32" ? "node.exe" : "node");
    return existsSync(binary) ? binary : process.execPath;
  } catch {
    return process.execPath;
  }
}

/** The caller's Node options (inspectors, loaders, heap limits) do not apply to the daemon, which has its own variable for them. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, FLEET_LOCALNET_NODE_OPTIONS: own, ...rest } = process.env;
  const images = rest[IMAGES_VARIABLE];
  return {
    ...rest,
    ...(own === undefined ? {} : { NODE_OPTIONS: own }),
    // The daemon runs in another folder.
    ...(images && !isGateway(images) ? { [IMAGES_VARIABLE]: resolve(images) } : {}),
  };
}
