import { randomBytes } from "node:crypto";
import { AOS_GLOBALS } from "../../src/bundler/index.ts";
import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { startOf } from "../../src/core/unicode.ts";
import type { Session } from "../../src/fleet/session/session.ts";

/** Globals of aos and of the library, for a process that did not record which globals existed at its boot. */
const OWN = [...AOS_GLOBALS, "Fleet"].join(" ");

/** Lists the names of globals and changes nothing. Each is in hexadecimal and ends with a comma, because a name may have any bytes. */
const LIST = `local own, modules, names = {}, {}, {}
for name in ("${OWN}"):gmatch("%S+") do own[name] = true end
for _, module in pairs(package.loaded) do if type(module) == "table" then modules[module] = true end end
for k, v in next, _G do
  if type(k) == "string" and not own[k] and type(v) ~= "function" and not modules[v] then names[#names + 1] = k end
end
table.sort(names)
for at, name in ipairs(names) do
  names[at] = name:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end) .. ","
end
return "globals:" .. table.concat(names) .. ";"`;

/**
 * The globals of a process whose library does not detect them, by one Eval. Only the owner can send it.
 *
 * @throws FleetError STATE_NOT_KNOWN if it did not list them
 */
export async function listGlobals(
  session: Pick<Session, "ao" | "journal" | "scope">,
  { name, processId }: { readonly name: string; readonly processId: string },
  budget: Budget,
): Promise<string[]> {
  const { project, stack } = session.scope;
  const intent = `${project}/${stack}/${name}/globals/read-${randomBytes(8).toString("hex")}`;
  const sent = await session.ao.send({ intent, processId, tags: { Action: "Eval" }, data: LIST }, budget);
  const found = await session.ao.evaluation({ processId, messageId: sent.id, expectOutput: true }, budget);
  await session.ao.settle(intent);
  const names = /globals:((?:[0-9a-f]*,)*);/.exec(found.output)?.[1];
  if (names === undefined) throw notListed(name, processId, found.error ?? found.output);
  return names
    .split(",")
    .slice(0, -1)
    .map((hex) => Buffer.from(hex, "hex").toString());
}

/** The failure if it is not known whether the process has globals. */
function notListed(name: string, processId: string, got: string): FleetError {
  return new FleetError({
    code: "STATE_NOT_KNOWN",
    what: `${name} did not list its globals: ${processId.slice(0, 8)} runs an earlier version of the fleet's library, which does not export them.`,
    got: startOf(got, 200) || "nothing",
    expected: "the names of its globals",
    remedy: `Check npx fleet logs ${name} --errors, and run pulumi up again.`,
  });
}
