import { expect, test } from "vitest";
import { layerPath, type SettingLayer } from "../../components/setting-layer.ts";
import { originOf } from "../../src/operations/settings/describe.ts";

const layers: [SettingLayer, path: string, origin: string][] = [
  [{ layer: "fleet", kind: "config" }, "config", "index.ts: config of every member"],
  [{ layer: "fleet", kind: "secrets" }, "secrets", "index.ts: secrets of every member"],
  [
    { layer: "member", kind: "config", member: "shop" },
    "processes.shop.config",
    "index.ts: processes.shop.config",
  ],
  [
    { layer: "member", kind: "secrets", member: "a.b" },
    "processes.a.b.secrets",
    "index.ts: processes.a.b.secrets",
  ],
  [{ layer: "stack", kind: "config", member: "*" }, "overrides.*", "Pulumi.dev.yaml: overrides.*"],
  [
    { layer: "stack", kind: "secrets", member: "shop" },
    "secretOverrides.shop",
    "Pulumi.dev.yaml: secrets.shop",
  ],
];

test.each(layers)("%o has a path, and a place for people", (layer, path, origin) => {
  expect(layerPath(layer)).toBe(path);
  expect(originOf({ from: path, layer }, "dev")).toBe(origin);
});

// A file of version 0.1.0 has only the path.
test.each(["default", "release deploy-1", "processes.shop.config"])(
  "%s without a layer is shown as it is",
  (from) => {
    expect(originOf({ from }, "dev")).toBe(from);
  },
);
