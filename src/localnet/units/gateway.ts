import { Hono } from "hono";
import { tagValue } from "../types.ts";
import { publish, type UnitContext } from "./context.ts";
import { gatewayQueries } from "./graphql.ts";
import { type endpoints, UnitError } from "./http.ts";
import { signedItem } from "./mu.ts";

/** Largest data item that the gateway accepts, in megabytes. */
const MAX_MEGABYTES = 100;

/** The gateway: the index, the data, and the upload of data items. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: the list of the unit's routes, each of them short.
export function gateway(
  endpoint: ReturnType<typeof endpoints>,
  context: UnitContext,
  until: () => number | undefined,
): Hono {
  const { store, chain } = context;
  const answer = gatewayQueries({ store, chain, now: context.now, until });
  const app = new Hono();

  app.post(
    "/graphql",
    endpoint("gateway.graphql", async ({ req }) => {
      const body: unknown = await req.json().catch(() => null);
      if (body === null || typeof body !== "object")
        throw new UnitError(400, "a GraphQL request is required");
      const result = await answer(body);
      return Response.json(result, { status: result.data === undefined ? 400 : 200 });
    }),
  );

  const upload = endpoint("gateway.upload", async (request) => {
    const item = await signedItem(request, MAX_MEGABYTES);
    if (item instanceof Response) return item;
    publish(context, item);
    const height = chain.heightAt(context.now());
    return Response.json({ id: item.id, owner: item.owner, timestamp: context.now(), block: height });
  });
  app.post("/tx", upload);
  app.post("/tx/:currency", upload);

  const info = endpoint("gateway.info", () => {
    const height = chain.heightAt(context.now());
    return Response.json({
      network: "ao-fleet.local",
      version: 5,
      release: 1,
      height,
      current: chain.block(height).id,
      blocks: height,
    });
  });
  app.get("/", info);
  app.get("/info", info);
  app.get(
    "/tx_anchor",
    endpoint("gateway.info", ({ text }) => text(chain.block(chain.heightAt(context.now())).id)),
  );
  app.get(
    "/price/:bytes",
    endpoint("gateway.info", ({ text }) => text("0")),
  );
  app.get(
    "/wallet/:address/balance",
    endpoint("gateway.info", ({ text }) => text("0")),
  );
  app.get(
    "/block/current",
    endpoint("gateway.info", () => {
      const { id, previous, ...block } = chain.block(chain.heightAt(context.now()));
      return Response.json({
        ...block,
        timestamp: Math.floor(block.timestamp / 1000),
        indep_hash: id,
        previous_block: previous,
      });
    }),
  );

  const data = endpoint("gateway.data", ({ req }) => {
    const id = req.param("id") ?? "";
    const item = store.item(id);
    const bytes = item && store.data(id);
    if (!item || !bytes) throw new UnitError(404, "Not Found");
    return new Response(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
      headers: {
        "content-type": tagValue(item.tags, "Content-Type") ?? "application/octet-stream",
        // Anyone's page: a browser gives it an origin of its own, so it reads nothing of this gateway's. Its scripts run.
        "content-security-policy":
          "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads",
      },
    });
  });
  app.get("/raw/:id", data);
  app.get("/:id", data);
  return app;
}
