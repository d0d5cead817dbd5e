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
      // It watches every member.
      peers: ["deployment-coordinator", "coordinator", "battle", "pokemon", "shop", "security"],
      // Health checks by cron, if the stack sets healthCronSeconds.
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
