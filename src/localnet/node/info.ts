import type { NodeQuirks, Payment } from "./quirks.ts";

/** Routes that cost nothing on a node that charges: its own settings and balances, and reads of processes. */
const FREE = ["/~p4@1.0/balance", "/~meta@1.0/*", "~process@1.0/(slot|compute|now|as)", "/~scheduler@1.0/*"];

/** The settings that a node shows to everyone. */
export const nodeInfo = (address: string, { devices, payment }: NodeQuirks): Record<string, unknown> => ({
  address,
  initialized: "permanent",
  preloaded_devices: devices.map((name) => ({ name, module: name.replace(/@.*$/, "") })),
  ...(payment === undefined ? {} : paymentInfo(payment)),
});

function paymentInfo({ price, ledger }: Payment): Record<string, unknown> {
  const hook = {
    device: "p4@1.0",
    "pricing-device": "simple-pay@1.0",
    "ledger-device": "simple-pay@1.0",
  };
  return {
    on: { request: hook, response: hook },
    simple_pay_price: price,
    simple_pay_ledger: ledger,
    p4_non_chargable_routes: FREE.map((template) => ({ template })),
  };
}
