import { expect, it } from "vitest";
import { switchBack } from "../../cli/rollback/emergency.ts";
import type { Traffic } from "../../cli/rollback/stack.ts";
import type { MemberWay } from "../../cli/rollback/way.ts";
import { SetTrafficSchema } from "../../delivery/wire.ts";
import type { ReleaseDocument } from "../../providers/release/document.ts";
import { type Behaviour, fakeAo, fakeFleet, idOf, member } from "../cli/fakes.ts";

const OLD = "1".repeat(64);
const NEW = "2".repeat(64);
const target = {
  deploymentId: "deploy-1",
  releaseHash: "a".repeat(64),
  declaration: { battle: { sourceHash: OLD }, shop: { sourceHash: OLD } },
} as unknown as ReleaseDocument;
const traffic: Traffic = {
  router: { name: "coordinator", processId: idOf("coordinator"), generation: 1 },
  services: {},
};
const warm = (name: string): MemberWay => ({ name, kind: "warm", warm: idOf(`${name}-old`) });
const route = (id: string, revision: string, weightBp = 10_000) => ({
  processId: idOf(id),
  revision,
  weightBp,
});
const tableOf = (release: string, mode: string, shop: object[], battle: object[]) => ({
  release,
  step: 3,
  salt: release,
  mode,
  at: 1,
  services: {
    shop: { key: "sender", routes: shop },
    battle: { key: "data:battleId", routes: battle },
    pokemon: { key: "sender", routes: [route("pokemon", NEW)], mirror: idOf("pokemon-next") },
  },
});
const green = tableOf("b".repeat(64), "steady", [route("shop", NEW)], [route("battle", NEW)]);

/** A router with a table; it knows a proof for each of `proven`. */
function world(
  state: { table: object; proven?: object },
  proven = new Set([idOf("battle-old"), idOf("shop-old")]),
) {
  const slow = new Set<string>();
  const behave: Behaviour = ({ action, data }) => {
    if (action === "GET_TRAFFIC") {
      const proofs = Object.fromEntries(
        [...proven, ...slow].map((id) => [
          id,
          { release: "", revision: OLD, status: slow.has(id) ? "asked" : "proven", at: 1 },
        ]),
      );
      for (const id of slow) proven.add(id);
      slow.clear();
      return { reply: { success: true, proven: state.table, ...state, proofs, serial: 4, epoch: 7, at: 1 } };
    }
    const request = JSON.parse(data);
    if (action === "PROVE_TARGETS") {
      for (const id of Object.keys(request.targets)) slow.add(id);
      return { reply: { success: true, asked: [], count: 0 } };
    }
    if (action === "TRAFFIC_COMMAND") return { reply: { success: true, command: "abort" } };
    const { services } = SetTrafficSchema.parse(request);
    const asked = [services.battle, services.shop].flatMap((service) => service?.routes[0]?.processId ?? []);
    if (asked.some((id) => id.includes("old") && !proven.has(id)))
      return { reply: { success: false, error: { code: "UNPROVEN_TARGET", message: "no proof" } } };
    return {
      reply: {
        success: true,
        release: request.release,
        step: request.step,
        mode: "steady",
        repeated: false,
        at: 2,
        slot: 41,
      },
    };
  };
  const ao = fakeAo(behave);
  return { ao, fleet: fakeFleet(ao, [member("coordinator"), member("battle"), member("shop")]) };
}
const actions = (ao: ReturnType<typeof fakeAo>) => ao.sent.map(({ tags }) => tags.Action);
const pause = async () => {};

it("an emergency is two messages: the table is read, one message switches all services, and the others keep theirs", async () => {
  const { ao, fleet } = world({ table: green });
  const switched = await switchBack(fleet, traffic, target, [warm("battle"), warm("shop")], pause);
  expect(switched).toMatchObject({ services: ["shop", "battle"], messages: 2, slot: 41 });
  expect(actions(ao)).toEqual(["GET_TRAFFIC", "SET_TRAFFIC"]);
  const sent = ao.sent[1];
  expect(sent?.tags.Epoch).toBe("7");
  expect(SetTrafficSchema.parse(JSON.parse(sent?.data ?? "{}"))).toEqual({
    release: target.releaseHash,
    step: 0,
    salt: target.releaseHash,
    expect: { release: green.release, step: 3 },
    services: {
      shop: { key: "sender", routes: [route("shop-old", OLD)] },
      battle: { key: "data:battleId", routes: [route("battle-old", OLD)] },
      pokemon: green.services.pokemon,
    },
  });
});

it("a rollout under way whose proven table is that release is aborted by one message", async () => {
  const proven = tableOf(target.releaseHash, "steady", [route("shop-old", OLD)], [route("battle-old", OLD)]);
  const half = [route("battle-old", OLD, 5000), route("battle", NEW, 5000)];
  const table = tableOf(green.release, "rollout", [route("shop-old", OLD)], half);
  const { ao, fleet } = world({ table, proven });
  await switchBack(fleet, traffic, target, [warm("battle")], pause);
  expect(actions(ao)).toEqual(["GET_TRAFFIC", "TRAFFIC_COMMAND"]);
  expect(JSON.parse(ao.sent[1]?.data ?? "")).toEqual({ command: "abort", release: green.release });
});

it("what the router has no proof of any more is proved first", async () => {
  const { ao, fleet } = world({ table: green }, new Set());
  const switched = await switchBack(fleet, traffic, target, [warm("battle")], pause);
  expect(switched).toMatchObject({ services: ["battle"], slot: 41 });
  expect(actions(ao)).toEqual([
    "GET_TRAFFIC",
    "SET_TRAFFIC",
    "PROVE_TARGETS",
    "GET_TRAFFIC",
    "GET_TRAFFIC",
    "SET_TRAFFIC",
  ]);
  expect(JSON.parse(ao.sent[2]?.data ?? "")).toEqual({
    release: target.releaseHash,
    targets: { [idOf("battle-old")]: OLD },
  });
});

it("says nothing to the router where no process of then is warm", async () => {
  const { ao, fleet } = world({ table: green });
  const ways: MemberWay[] = [{ name: "battle", kind: "in-place" }];
  expect(await switchBack(fleet, traffic, target, ways, pause)).toBeUndefined();
  expect(ao.sent).toEqual([]);
});
