import type { FoundItem } from "../../src/ao/port.ts";
import { amount } from "../../src/core/amount.ts";
import type { Budget } from "../../src/core/budget.ts";
import { FleetError } from "../../src/core/errors.ts";
import { isRetired } from "../../src/fleet/members/members.ts";
import type { Session } from "../../src/fleet/session/session.ts";
import type { ProcessInputs } from "./schema.ts";

interface Adoption {
  /** The member that adopts the process. */
  readonly name: string;
  readonly adopt: NonNullable<ProcessInputs["adopt"]>;
  /** The declared module's id. */
  readonly module: string;
}

/**
 * The id of the process that a member adopts, after checking that this wallet owns it and that it was spawned with the declared module.
 * Sends one request to the process and nothing else.
 *
 * @throws FleetError ADOPT_UNKNOWN, ADOPT_SEVERAL (lists them), NOT_OWNER, MODULE_FIXED, ADOPT_RETIRED
 */
export async function findProcessToAdopt(
  session: Session,
  wanted: Adoption,
  budget: Budget,
): Promise<string> {
  const found = await candidate(session, wanted, budget);
  const at = `processes.${wanted.name}.adopt`;
  if (found.owner !== session.ao.address) {
    throw new FleetError({
      code: "NOT_OWNER",
      what: `${wanted.name} cannot take over ${found.id}: it belongs to another wallet.`,
      at,
      got: found.owner,
      expected: session.ao.address,
      remedy: "Use the wallet that spawned it: pulumi config set walletPath <file>",
    });
  }
  const { Module } = found.tags;
  if (Module !== wanted.module) {
    throw new FleetError({
      code: "MODULE_FIXED",
      what: `${wanted.name} cannot take over ${found.id}: an AO process keeps the module it was spawned with.`,
      at,
      got: Module ?? "no module",
      expected: wanted.module,
      remedy: `Declare the member with module "${Module ?? ""}", if the fleet's code runs on it.`,
    });
  }
  if (await isRetired(session, wanted.name, { processId: found.id, generation: 1 }, budget)) {
    throw new FleetError({
      code: "ADOPT_RETIRED",
      what: `${wanted.name} cannot take over ${found.id}: it was retired.`,
      at,
      got: "RETIRED",
      expected: "a process in use",
      remedy: "Remove `adopt` to get a new process, or give the id of another one.",
    });
  }
  return found.id;
}

async function candidate(session: Session, { name, adopt }: Adoption, budget: Budget): Promise<FoundItem> {
  const query =
    typeof adopt === "string"
      ? { ids: [adopt] }
      : { owners: [session.ao.address], tags: { Type: "Process", Name: adopt.name } };
  const found = (await session.ao.find(query, budget)).filter(({ tags }) => tags.Type === "Process");
  const [one, ...others] = found;
  const at = `processes.${name}.adopt`;
  if (!one) {
    throw new FleetError({
      code: "ADOPT_UNKNOWN",
      what: `No process was found for ${name} to take over.`,
      at,
      got: typeof adopt === "string" ? adopt : `no process named "${adopt.name}" of ${session.ao.address}`,
      expected: "a process in the gateway's index; a new one takes seconds to minutes to appear",
      remedy: "Fix the id or the name, or remove `adopt` to get a new process.",
    });
  }
  if (others.length > 0) {
    throw new FleetError({
      code: "ADOPT_SEVERAL",
      what: `${amount(found.length, "process of this wallet has", "processes of this wallet have")} the name that ${name} adopts.`,
      at,
      got: found.map(describe).join("; "),
      expected: "one process",
      remedy: 'Give the id of one of them: adopt: "<id>"',
    });
  }
  return one;
}

const describe = ({ id, tags, block }: FoundItem): string =>
  [id, tags["Deployment-Key"], block && new Date(block.timestamp * 1000).toISOString().slice(0, 10)]
    .filter((part) => part !== undefined)
    .join(" ");
