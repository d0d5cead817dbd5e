export { FleetError } from "../core/errors.ts";
export { ConfigBundle } from "../providers/config-bundle/resource.ts";
export { LocalNetwork } from "../providers/local-network/resource.ts";
export { Process } from "../providers/process/resource.ts";
export { Release } from "../providers/release/resource.ts";
export { Wiring } from "../providers/wiring/resource.ts";
export type { FleetInput, ProcessInput } from "./declaration.ts";
export { Fleet } from "./fleet.ts";
export { serviceConfig, settings } from "./settings.ts";
