/** What a test boots: a member as the project declares it, or a Lua file, bundled as a deployment would. */
import { realpath } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { z } from "zod";
import { bundleMember } from "../../../components/bundling.ts";
import { ProcessDeclarationSchema } from "../../../components/declaration.ts";
import { type SourceMap, store } from "../../bundler/index.ts";
import { DEVICE_TAG, DEVICES, LUA_DEVICE } from "../../core/devices.ts";
import { FleetError } from "../../core/errors.ts";
import { processName } from "../bundle/write.ts";
import { type DeclaredMember, declaredMembers } from "./declared.ts";

/** A program with everything that a process is made of. */
export interface Program {
  readonly name: string;
  readonly text: string;
  readonly hash: string;
  readonly map: SourceMap;
  readonly version: string;
  /** Whether the fleet's library is in it. */
  readonly lib: boolean;
  /** An alias or id of an aos image, or `wasm:<hash>` of the project. */
  readonly module: string;
  readonly device: (typeof DEVICES)[number];
  readonly tags: Readonly<Record<string, string>>;
  readonly config: Readonly<Record<string, unknown>>;
}

const idOf = z.union([z.string(), z.looseObject({ id: z.string() }).transform(({ id }) => id)]);
/** A table of Lua that is empty arrives as a list. */
const named = <T extends z.ZodType>(value: T) =>
  z.preprocess(
    (given) => (Array.isArray(given) && given.length === 0 ? {} : given),
    z.record(z.string(), value),
  );

/** The options of `test.boot`. */
export const BootOptionsSchema = z.strictObject({
  lib: z.boolean().optional(),
  module: z.string().optional(),
  device: z.enum(DEVICES).optional(),
  bundle: z.looseObject({}).optional(),
  name: z.string().optional(),
  id: z.string().optional(),
  owner: z.string().optional(),
  tags: named(z.coerce.string()).optional(),
  peers: named(idOf).optional(),
  config: named(z.unknown()).optional(),
});
export type BootOptions = z.infer<typeof BootOptionsSchema>;

/** Finds and bundles programs. Each is bundled once. */
export interface Programs {
  /** @throws FleetError with every problem of the program or the declaration; MEMBER_UNKNOWN, TEST_PROGRAM_INVALID */
  find(given: string, options: BootOptions): Promise<Program>;
}

/** Members are read when a test first boots one. @param stack whose settings the declaration is read with */
export function programsOf(projectDir: string, stack: string): Programs {
  let members: Promise<ReadonlyMap<string, DeclaredMember>> | undefined;
  const known = new Map<string, Promise<Program>>();
  const make = (given: string, options: BootOptions) => {
    if (isFile(given)) return fromFile(projectDir, given, options);
    members ??= declaredMembers(projectDir, stack);
    return members.then((found) => fromDeclaration(projectDir, given, found));
  };
  return {
    async find(given, options) {
      const { lib, module, device, bundle, name } = options;
      const key = JSON.stringify([given, isFile(given) ? { lib, module, device, bundle, name } : {}]);
      const made = known.get(key) ?? make(given, options);
      known.set(key, made);
      const program = await made;
      if (isFile(given)) return program;
      // The module of a member for aos is none of lua@5.3a.
      const image = module ?? (device !== undefined && device !== program.device ? "aos" : undefined);
      return { ...program, ...onlyGiven({ module: image, device, name }) };
    },
  };
}

const onlyGiven = <T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;

/** A member's name has neither slash nor dot. */
const isFile = (given: string): boolean => /[/\\.]/.test(given);

async function fromDeclaration(
  projectDir: string,
  name: string,
  members: ReadonlyMap<string, DeclaredMember>,
): Promise<Program> {
  const member = members.get(name);
  if (member === undefined)
    throw new FleetError({
      code: "MEMBER_UNKNOWN",
      what: `A test boots ${name}, which the fleet does not declare.`,
      got: name,
      expected: [...members.keys()].join(", ") || "a member of the declaration, which has none",
      remedy: 'Fix the name; a file is named by its path: test.boot("./counter.lua").',
    });
  const stored = await store(join(projectDir, ".fleet", "bundles")).get(member.hash);
  if (stored?.map === undefined) throw new Error(`the bundle ${member.hash} of ${name} is not in the store`);
  const { version, module, lib, tags, config = {} } = member;
  const isLua = Object.entries(tags).some(
    ([tag, value]) => tag.toLowerCase() === DEVICE_TAG && value === LUA_DEVICE,
  );
  const device = isLua ? LUA_DEVICE : DEVICES[0];
  const { text, hash, map } = stored;
  return { name, text, hash, map, version, lib, module, device, tags, config };
}

/**
 * The path of a Lua file from the project's folder. A test may come from somebody else, and what is wrong with a program is shown with a line
 * of it, so no other file is read: not by a path that leads out, and not by a link.
 *
 * @throws FleetError TEST_PROGRAM_INVALID
 */
async function luaFile(projectDir: string, given: string): Promise<string> {
  const path = resolve(projectDir, given);
  // Of a missing file, the bundler says where it looked.
  const real = await realpath(path).catch(() => path);
  const isLua = [path, real].every((each) => each.endsWith(".lua"));
  const isInside = leadsIn(projectDir, path) && (real === path || leadsIn(await realpath(projectDir), real));
  if (isLua && isInside) return relative(projectDir, path);
  throw new FleetError({
    code: "TEST_PROGRAM_INVALID",
    what: "A test boots a file that is no Lua file of the project.",
    got: given,
    expected: "a file in the project's folder whose name ends in .lua, also after links are followed",
    remedy: "Move the program into the project, and name its file by the path from the project's folder.",
  });
}

function leadsIn(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

async function fromFile(projectDir: string, given: string, options: BootOptions): Promise<Program> {
  const source = await luaFile(projectDir, given);
  const { lib = true, module = "aos", device = DEVICES[0], bundle = {} } = options;
  const name = options.name ?? memberName(source);
  const declaration = ProcessDeclarationSchema.parse({ source, lib, module, device, bundle });
  const network = { kind: "local", dir: ".fleet/localnet" } as const;
  const made = await bundleMember(
    name,
    declaration,
    { network, module },
    join(projectDir, ".fleet"),
    projectDir,
  );
  const { text, hash, map } = made;
  return { name, text, hash, map, version: "1.0.0", lib, module, device, tags: {}, config: {} };
}

/** A name that a member may have, from a file's. */
const memberName = (source: string): string =>
  processName(source)
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^[^a-z]+/, "") || "program";
