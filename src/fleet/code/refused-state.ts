/** State that a load or a hand-over would lose, or that nobody can judge. */

import { z } from "zod";
import { FleetError } from "../../core/errors.ts";
import { jsonIn } from "../../core/json.ts";
import { type InCode, inCodeText } from "../snapshot/contents.ts";

/** The error by which a process undoes a load: data, because aos adds its own words to the text. */
const RefusedStateSchema = z.discriminatedUnion("code", [
  z.object({
    fleet: z.literal("refused"),
    code: z.literal("STATE_NOT_COMPARED"),
    /** Globals that the code assigns, and that are too large to know whether messages changed them. */
    globals: z.array(z.string()),
  }),
  z.object({
    fleet: z.literal("refused"),
    code: z.literal("STATE_IN_CODE"),
    /** What messages changed in the code, and the load created again. */
    items: z.array(z.object({ kind: z.string(), name: z.string() })),
  }),
]);

/** How a run accepts that state is lost. */
const ACCEPT = "npx fleet deploy --without-backup (FLEET_WITHOUT_BACKUP=1 pulumi up)";

/** The failure if a Lua error is such a refusal; undefined for any other error. Pure. */
export function refusedState(name: string, error: string): FleetError | undefined {
  const start = error.indexOf('{"');
  if (start < 0) return undefined;
  const { data } = RefusedStateSchema.safeParse(jsonIn(error.slice(start, error.lastIndexOf("}") + 1)));
  const outcome = "The load is undone";
  if (data?.code === "STATE_NOT_COMPARED") return notCompared(name, data.globals, outcome);
  if (data?.code === "STATE_IN_CODE")
    return inCode(name, { items: data.items, count: data.items.length }, outcome);
  return undefined;
}

/** The failure if nobody can tell whether messages changed these globals. Pure. */
export function notCompared(name: string, globals: readonly string[], outcome: string): FleetError {
  return new FleetError({
    code: "STATE_NOT_COMPARED",
    what: `${name} has globals that are too large to know whether messages changed them: either the new code's values or changes by messages would be lost. ${outcome}.`,
    at: `processes.${name}.state`,
    got: globals.join(", "),
    expected: "a declaration of which globals are state",
    remedy: `List the globals that messages change: state: { globals: [...] }. A listed global keeps its value; any other gets the new code's value. Or accept the loss in this run: ${ACCEPT}.`,
  });
}

/** The failure if messages changed what new code creates again. Pure. */
export function inCode(name: string, found: Pick<InCode, "items" | "count">, outcome: string): FleetError {
  return new FleetError({
    code: "STATE_IN_CODE",
    what: `${name} keeps state in its code: messages changed tables of modules, functions or handlers, which new code creates again. It would be lost. ${outcome}.`,
    at: `processes.${name}.state`,
    got: inCodeText(found),
    expected: "state in globals (`Name = Name or {}`) or in tables of fleet.state",
    remedy: `Move it there. If it may be lost, as a cache: list the globals that are state, if any: state: { globals: [...] }, or declare state: "none"; or accept it in this run: ${ACCEPT}.`,
  });
}
