import { randomBytes } from "node:crypto";
import type { Budget } from "../../src/core/budget.ts";
import type { Session } from "../../src/fleet/session/session.ts";

/** Globals that aos has beside its functions and modules: of a process that never took down which were there first. */
const OWN = "Bell Colors Errors HANDLER_PRINT_LOGS Inbox Name Nonce Owner Seeded Version _VERSION Fleet";

/** Lists names and changes nothing. */
const LIST = `local own, modules, names = {}, {}, {}
for name in ("${OWN}"):gmatch("%S+") do own[name] = true end
for _, module in pairs(package.loaded) do if type(module) == "table" then modules[module] = true end end
for k, v in next, _G do
  if type(k) == "string" and not own[k] and type(v) ~= "function" and not modules[v] then names[#names + 1] = k end
end
table.sort(names)
return "globals:" .. table.concat(names, ",")`;

/** The globals of a process whose library knows nothing of them, by one Eval of its owner. */
export async function globalsSeen(
  session: Pick<Session, "ao" | "journal" | "scope">,
  { name, processId }: { readonly name: string; readonly processId: string },
  budget: Budget,
): Promise<string[]> {
  const { project, stack } = session.scope;
  const intent = `${project}/${stack}/${name}/globals/read-${randomBytes(8).toString("hex")}`;
  const sent = await session.ao.send({ intent, processId, tags: { Action: "Eval" }, data: LIST }, budget);
  const found = await session.ao.evaluation({ processId, messageId: sent.id, expectOutput: true }, budget);
  await session.ao.settle(intent);
  const names = /globals:([\w,]*)/.exec(found.output)?.[1] ?? "";
  return names === "" ? [] : names.split(",");
}
