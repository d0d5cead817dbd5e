import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";

const fleet = await Fleet.create("${PROJECT}", {
  ...settings(new pulumi.Config()),
  router: "router",
  processes: {
    router: { peers: ["token"] },
    token: {
      dependsOn: ["router"],
      // The token takes the caller that the router names for the sender.
      peers: ["router"],
      // What new code takes over from the old: at one slot, compared by digest.
      state: { globals: ["Balances", "TotalSupply"] },
      silence: { LUA_ACTION_SHARED: "wallets read the token's own Info" },
    },
  },
});

export const processes = fleet.processes;
