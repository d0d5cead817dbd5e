import type * as pulumi from "@pulumi/pulumi";

/**
 * The provider that Pulumi serialises into the state of every resource of a kind. It contains only a name: each method loads
 * `ao-fleet/providers/<noun>/lifecycle` at call time, from the project's node_modules (or the project itself). So a later version of the
 * code works on an earlier state without replacing the resource, and no logic, path or secret is ever in the state.
 *
 * `noun` is the only captured value. Pass only what Pulumi can serialise as text.
 */
export function lazyProvider(noun: string): pulumi.dynamic.ResourceProvider {
  const load = async () => {
    const { createRequire } = await import("node:module");
    const { pathToFileURL } = await import("node:url");
    const path = createRequire(`${process.cwd()}/`).resolve(`ao-fleet/providers/${noun}/lifecycle`);
    return await import(pathToFileURL(path).href);
  };
  return {
    configure: async (request) => (await load()).configure(request.config),
    check: async (olds, news) => (await load()).check(olds, news),
    diff: async (id, olds, news) => (await load()).diff(id, olds, news),
    create: async (inputs) => (await load()).create(inputs),
    read: async (id, props) => (await load()).read(id, props),
    update: async (id, olds, news) => (await load()).update(id, olds, news),
    delete: async (id, props) => (await load()).remove(id, props),
  };
}
