import * as pulumi from "@pulumi/pulumi";
import { Fleet, settings } from "ao-fleet";

const fleet = await Fleet.create("${PROJECT}", {
  ...settings(new pulumi.Config()),
  processes: {
    hello: {}, // processes/hello/process.lua
  },
});

export const processes = fleet.processes;
