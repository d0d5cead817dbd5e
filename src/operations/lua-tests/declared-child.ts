/**
 * Runs a project's program under Pulumi's mocks and sends what it declares to the parent: the members' code by hash, their modules, tags and
 * settings. In a Node of its own, because a program runs once, and resources are serialised from plain modules only.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import * as pulumi from "@pulumi/pulumi";
import { type DeclaredMember, PROGRAM_RUN, type ProgramRun } from "./declared.ts";

const members = new Map<string, DeclaredMember>();
const settings: { readonly type: string; readonly data: unknown; readonly targets: readonly string[] }[] = [];

interface Inputs {
  readonly [name: string]: unknown;
  readonly name?: string;
  readonly bundle?: { readonly hash: string };
  readonly targets?: readonly { readonly name: string }[];
}

function keep(type: string, given: Inputs): void {
  const { name = "", bundle, targets = [] } = given;
  if (/:Process$/.test(type) && bundle !== undefined) {
    const { version, module, lib, tags = {} } = given;
    members.set(name, { hash: bundle.hash, version, module, lib: lib !== false, tags } as DeclaredMember);
  }
  if (/:ConfigBundle$/.test(type))
    settings.push({
      type: String(given.configType),
      data: given.configData,
      targets: targets.map((target) => target.name),
    });
}

async function run({ main, project, stack, config }: ProgramRun): Promise<Record<string, DeclaredMember>> {
  await pulumi.runtime.setMocks(
    {
      newResource({ type, name, inputs }) {
        keep(type, inputs);
        const process = { processId: name.padEnd(43, "_").slice(0, 43), generation: 1 };
        const state = /:Process$/.test(type) ? { ...process, health: { status: "HEALTHY" } } : {};
        return { id: name, state: { ...inputs, ...state } };
      },
      call: () => ({}),
    },
    project,
    stack,
  );
  pulumi.runtime.setAllConfig({ ...config }, []);
  const program = (await import(pathToFileURL(resolve(main)).href)) as { default?: unknown };
  if (typeof program.default === "function") await program.default();
  await pulumi.runtime.disconnect();
  for (const { type, data, targets } of settings)
    for (const target of targets) {
      const member = members.get(target);
      if (member) members.set(target, { ...member, config: { ...member.config, [type]: data } });
    }
  return Object.fromEntries(members);
}

// The parent ends this process when it has the answer.
run(JSON.parse(process.env[PROGRAM_RUN] ?? "{}")).then(
  (found) => process.send?.({ members: found }),
  (error: unknown) => process.send?.({ failure: error instanceof Error ? error.message : String(error) }),
);
