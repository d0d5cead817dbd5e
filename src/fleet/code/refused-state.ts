import { z } from "zod";
import { FleetError } from "../../core/errors.ts";

/** The error by which a process undoes a load that would lose state, or state that it cannot judge. */
const RefusedStateSchema = z.object({
  fleet: z.literal("refused"),
  code: z.literal("STATE_NOT_COMPARED"),
  /** Globals that the code assigns, and that are too large to know whether messages changed them. */
  globals: z.array(z.string()),
});

/** The failure if a Lua error is such a refusal; undefined for any other error. Pure. */
export function refusedState(name: string, error: string): FleetError | undefined {
  const start = error.indexOf('{"');
  if (start < 0) return undefined;
  const found = RefusedStateSchema.safeParse(parsed(error.slice(start, error.lastIndexOf("}") + 1)));
  return found.success ? notCompared(name, found.data.globals, "The load is undone") : undefined;
}

/** The failure if nobody can tell whether messages changed these globals. Pure. */
export function notCompared(name: string, globals: readonly string[], outcome: string): FleetError {
  return new FleetError({
    code: "STATE_NOT_COMPARED",
    what: `${name} has globals that are too large to know whether messages changed them: either the new code's values or changes by messages would be lost. ${outcome}, and nothing was changed.`,
    at: `processes.${name}.state`,
    got: globals.join(", "),
    expected: "a declaration of which globals are state",
    remedy: `List the globals that messages change: state: { globals: [...] }. A listed global keeps its value; any other gets the new code's value.`,
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
