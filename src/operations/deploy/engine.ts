import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { z } from "zod";
import { kill } from "../../core/processes.ts";
import { enginesUnder } from "../recover/engines.ts";
import { definedOnly, openStack, type Workspace } from "../workspace/workspace.ts";

export type { EngineEvent };

/** One preview or up. */
export interface EngineRun {
  readonly kind: "preview" | "up";
  /** Added to the environment of pulumi, the program and the providers. */
  readonly env: Readonly<Record<string, string>>;
  /** The most resource operations at a time. */
  readonly parallel: number;
  /** Reads every resource back first. */
  readonly refresh: boolean;
  readonly onEvent: (event: EngineEvent) => void;
  /** Each `abort` event interrupts pulumi once: the first lets running steps finish, the second does not. An aborted signal starts nothing. */
  readonly signal: AbortSignal;
}

/** The result of a preview or up. `text` is pulumi's output; `locked` means that another update holds the stack. */
export type EngineResult =
  | { readonly ok: true; readonly text: string }
  | {
      readonly ok: false;
      readonly text: string;
      readonly locked: boolean;
      /** The signal that killed pulumi; absent if it exited by itself. */
      readonly killedBy?: string;
    };

/** The part of Pulumi's engine that `deploy` needs. Tests provide their own. */
export interface Engine {
  run(request: EngineRun): Promise<EngineResult>;
  /** Kills a pulumi that ignored both interrupts, so that it does not outlive the command. The next deploy recovers the stack. */
  kill?(): void;
}

/** Runs pulumi through its Automation API on a stack of a project. */
export async function pulumiEngine(workspace: Workspace, stackName: string): Promise<Engine> {
  const { ConcurrentUpdateError, CommandError } = await import("@pulumi/pulumi/automation/index.js");
  const stack = await openStack(workspace, stackName);
  return {
    kill() {
      for (const pid of enginesUnder(process.pid)) kill(pid);
    },
    async run({ kind, env, parallel, refresh, onEvent, signal }) {
      if (signal.aborted) return { ok: false, text: "", locked: false };
      stack.workspace.envVars = { ...definedOnly(workspace.env), ...env };
      const { relayed, begun, end } = relay(signal);
      let text = "";
      const options = {
        parallel,
        refresh,
        signal: relayed,
        onEvent: (event: EngineEvent) => {
          begun();
          onEvent(event);
        },
        color: "never" as const,
        onOutput: (part: string) => {
          begun();
          text += part;
        },
        onError: (part: string) => {
          begun();
          text += part;
        },
      };
      try {
        if (kind === "preview") await stack.preview(options);
        else await stack.up(options);
        return { ok: true, text };
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        const locked = error instanceof ConcurrentUpdateError;
        return { ok: false, text: text || error.message, locked, ...endOf(error) };
      } finally {
        end();
      }
    },
  };
}

const EndSchema = z.object({ commandResult: z.object({ err: z.object({ signal: z.string() }) }) });

/** The signal that killed pulumi, from the Automation API's error; empty if there was none. */
function endOf(error: unknown): { readonly killedBy?: string } {
  const end = EndSchema.safeParse(error);
  return end.success ? { killedBy: end.data.commandResult.err.signal } : {};
}

/**
 * Relays interrupts to pulumi, which listens for them only once it runs: those that come before `begun` are relayed then. `end` stops
 * relaying: the signal of a command outlives its runs.
 */
export function relay(signal: AbortSignal): { readonly relayed: AbortSignal; begun(): void; end(): void } {
  const controller = new AbortController();
  let runs = false;
  let waiting = 0;
  const onAbort = () => {
    if (runs) interrupt(controller);
    else waiting += 1;
  };
  signal.addEventListener("abort", onAbort);
  return {
    relayed: controller.signal,
    begun() {
      if (runs) return;
      runs = true;
      for (; waiting > 0; waiting -= 1) interrupt(controller);
    },
    end: () => signal.removeEventListener("abort", onAbort),
  };
}

/** Fires one more `abort` event, even on a signal that is already aborted: pulumi cancels running steps on its second interrupt. */
export function interrupt(controller: AbortController): void {
  if (controller.signal.aborted) controller.signal.dispatchEvent(new Event("abort"));
  else controller.abort();
}
