/** The example under Pulumi's mocks, in a Node of its own, because resources are serialised from plain modules only. Prints what was declared. */
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";

const config = JSON.parse(process.env.CONFIG ?? "{}") as Record<string, string>;
const made: { type: string; name: string; inputs: Record<string, unknown> }[] = [];

await pulumi.runtime.setMocks(
  {
    newResource({ type, name, inputs }) {
      const { __provider, ...own } = inputs;
      made.push({ type, name, inputs: own });
      const process = { processId: name.padEnd(43, "_"), generation: 1, health: { status: "HEALTHY" } };
      return { id: name, state: { ...inputs, ...(/:Process$/.test(type) ? process : {}) } };
    },
    call: () => ({}),
  },
  "configured",
  "dev",
);
pulumi.runtime.setAllConfig(
  Object.fromEntries(Object.entries(config).map(([key, value]) => [`configured:${key}`, value])),
  ["configured:webhookToken"],
);
await import(join(import.meta.dirname, "../../examples/configuration/index.ts"));
await pulumi.runtime.disconnect();
console.log(JSON.stringify(made));
