import * as pulumi from "@pulumi/pulumi";
import { Fleet, healthCron, serviceConfig, settings } from "./components/index.ts";

const config = new pulumi.Config();
const service = serviceConfig(config);

const fleet = await Fleet.create("pokerogue", {
  ...settings(config),
  ledger: "deployment-coordinator",
  allowed: ["deployment-coordinator", "admin"],
  processes: {
    "deployment-coordinator": {},
    admin: {
      // Whom it watches: all of them.
      peers: ["deployment-coordinator", "coordinator", "battle", "pokemon", "shop", "security"],
      // A round of health checks by cron, where the stack has one.
      tags: healthCron(config),
    },
    coordinator: { peers: ["deployment-coordinator", "admin", "battle", "pokemon", "shop", "security"] },
    battle: { dependsOn: ["coordinator"], peers: ["coordinator", "security", "pokemon"], config: service },
    pokemon: {
      dependsOn: ["coordinator"],
      peers: ["coordinator", "security", "battle", "shop"],
      config: service,
    },
    shop: { dependsOn: ["coordinator"], peers: ["coordinator", "security", "pokemon"], config: service },
    security: {
      dependsOn: ["coordinator"],
      peers: ["deployment-coordinator", "admin", "coordinator", "battle", "pokemon", "shop"],
    },
  },
});

export const processes = fleet.processes;
export const deploymentId = fleet.release.deploymentId;
export const manifest = "build/deployment-manifest.json";
