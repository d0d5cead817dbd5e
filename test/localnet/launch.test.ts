import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { launch } from "../../src/localnet/launch.ts";
import { permitFile } from "../../src/localnet/permits.ts";
import { temporaryFolder } from "../kit/folder.ts";

const { spawn } = vi.hoisted(() => ({ spawn: vi.fn() }));
vi.mock("node:child_process", async (original) => ({ ...(await original<object>()), spawn }));

const PID = 4_000_001;

/** A launch whose daemon does this before its launcher continues; returns the signals that it was sent. */
function launched(meanwhile: (folder: string, permitPath: string) => void): unknown[] {
  const folder = temporaryFolder("launch");
  const kill = vi.fn();
  spawn.mockImplementationOnce((_node: string, args: readonly string[]) => {
    meanwhile(folder, permitFile(folder, args.at(-1) ?? ""));
    return { pid: PID, kill, on: () => {}, unref: () => {} };
  });
  launch(folder);
  return kill.mock.calls;
}

test("a daemon that has become the network before its launcher continues is not killed", () => {
  const killed = launched((folder, permit) => {
    writeFileSync(permit, JSON.stringify({ pid: PID, instance: "i" }));
    renameSync(permit, join(folder, "network.json"));
  });
  expect(killed).toEqual([]);
});

test("a daemon whose permit was revoked before its launcher continues is killed", () => {
  const killed = launched((folder, permit) => {
    writeFileSync(join(folder, "network.json"), JSON.stringify({ pid: PID - 1, instance: "i" }));
    rmSync(permit);
  });
  expect(killed).toEqual([["SIGKILL"]]);
});
