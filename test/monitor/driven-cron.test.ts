/** When a process without the library last ticked is read from the order of its messages. */
import { expect, test } from "vitest";
import type { Scheduled } from "../../src/ao/port.ts";
import { FleetError } from "../../src/core/errors.ts";
import { tickTags } from "../../src/fleet/crons.ts";
import { drivenCron } from "../../src/operations/observe/driven-cron.ts";
import type { SentTicks } from "../../src/operations/tick/sent-ticks.ts";
import { ADDRESS, idOf } from "../cli/fakes.ts";

const NOW = Date.UTC(2026, 0, 1);
const declared = { interval: "30-seconds", everyMs: 30_000, tags: {} };
const cron = { interval: "30-seconds", everyMs: 30_000 };
const plain = { processId: idOf("plain"), lib: false as const };

test("it is unknown if the order cannot be read to its end, and the next round continues", async () => {
  const message = (slot: number, tags = {}, from = idOf("stranger")): Scheduled => ({
    ...{ slot, messageId: `m${slot}`, timestamp: NOW, from, action: "", tags, data: "" },
  });
  const order = Array.from({ length: 2000 }, (_, slot) => message(slot));
  order[700] = message(700, tickTags(declared, NOW - 5000), ADDRESS);
  let reads = 2;
  const ao = {
    address: ADDRESS,
    latest: async () => order.length - 1,
    range: async ({ from, to }: { from: number; to: number }) => {
      reads -= 1;
      if (reads < 0) throw new FleetError({ code: "UNIT_SLOW", what: "It is slow.", remedy: "Wait." });
      return order.slice(from, to + 1);
    },
  };
  const orders = new Map<string, SentTicks>();
  const read = () => drivenCron(ao, plain, declared, NOW, orders);
  expect(await read()).toEqual({ ticksUnread: true });
  reads = 2;
  expect(await read()).toEqual({ cron, lastTickAt: NOW });
  // Nothing new: nothing is read.
  reads = 0;
  expect(await read()).toEqual({ cron, lastTickAt: NOW });
});
