import { expect, test } from "vitest";
import { type ExplainedSetting, layerOf } from "../../components/explanation.ts";
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
  // A file of version 0.1.0 has only the path.
  for (const setting of [{ from: path, layer }, { from: path }] satisfies ExplainedSetting[]) {
    expect(layerOf(setting)).toEqual(layer);
    expect(originOf(setting, "dev")).toBe(origin);
  }
});

test.each(["default", "release deploy-1", "the release that runs"])("%s is no layer", (from) => {
  expect(layerOf({ from })).toBeUndefined();
  expect(originOf({ from }, "dev")).toBe(from);
});
