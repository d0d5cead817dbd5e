import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";

const fleet = await Fleet.create("${PROJECT}", {
  ...settings(new pulumi.Config()),
  router: "router",
  processes: {
    router: { peers: ["quotes", "prices"] },
    quotes: {
      dependsOn: ["router"],
      peers: ["router", "prices"],
      // Without state, so that callers can be split between the old code and the new.
      state: "none",
      // Requests with the same tag Customer get the same revision.
      trafficKey: "tag:Customer",
      // New code has to answer this before any caller gets it.
      probes: [{ action: "QUOTE", data: { item: "tea", amount: 2 }, expect: { total: 6 } }],
    },
    prices: {
      dependsOn: ["router"],
      peers: ["router", "quotes"],
      state: "none",
      probes: [{ action: "PRICE", data: { item: "tea" }, expect: { price: 3 } }],
    },
  },
});

export const processes = fleet.processes;
