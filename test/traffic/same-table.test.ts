import { expect, it } from "vitest";
import { hasSameShares } from "../../providers/traffic/plan.ts";

const route = (processId: string, weightBp: number) => ({ processId, revision: "r", weightBp });
const testers = { tag: "Tester", value: "yes", processId: "green" };
const services = (routes: ReturnType<typeof route>[], more: object = {}) => ({
  battle: { key: "sender", routes, ...more },
});

it("two tables are equal if they differ only in entries that send no request to another revision", () => {
  const all = services([route("green", 10_000)]);
  const same = [
    services([route("green", 10_000), route("blue", 0)]),
    services([route("green", 10_000)], { testers }),
  ];
  for (const other of same) expect(hasSameShares({ services: other }, all)).toBe(true);
  const split = [route("green", 1000), route("blue", 9000)];
  const others = [
    [services(split, { testers }), services(split)],
    [services([route("blue", 10_000)], { testers }), services([route("blue", 10_000)])],
    [services([route("blue", 10_000)]), all],
  ] as const;
  for (const [one, other] of others) expect(hasSameShares({ services: one }, other)).toBe(false);
});
