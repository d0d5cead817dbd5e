import { cp, mkdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { rngOf } from "../../simnet/rng.ts";
import { type FaultCase, failuresOf } from "../case.ts";
import { journalOf } from "../invariants.ts";
import { edited, smallFleet } from "../spec.ts";

/** K5: the journal of a killed run is cut at a byte; the rest is enough. */
export function cutJournal(crashAt: string, seed: number): FaultCase {
  return {
    family: "K5",
    name: `cut after ${crashAt}, seed ${seed}`,
    seed,
    async run(lab) {
      const net = await lab.network();
      const spec = smallFleet(net, await lab.folder());
      await lab.drive("up", spec, crashAt);
      const journal = journalOf(spec);
      const { size } = await stat(journal);
      await truncate(journal, Math.floor(rngOf(seed).next() * size));
      const back = await lab.recovering(() => lab.drive("up", spec));
      const checks = await lab.check(spec, net, { wholeJournal: false });
      return [...failuresOf("recovery", back.result, back.text), ...checks];
    },
  };
}

/** K5: a record in the middle is damaged: a clear message, and nothing is sent. */
export function spoiltJournal(): FaultCase {
  return {
    family: "K5",
    name: "a spoilt record",
    async run(lab) {
      const net = await lab.network();
      const spec = smallFleet(net, await lab.folder());
      const first = await lab.drive("up", spec);
      const journal = journalOf(spec);
      const good = await readFile(journal, "utf8");
      await writeFile(journal, good.replace('"kind":"signed"', '"kind":"sigmed"'));
      const before = net.oracle.counts().messages;
      const changed = edited(spec, ["battle"], { slow: 1 });
      const refused = await lab.drive("up", changed);
      const sent = net.oracle.counts().messages - before;
      await writeFile(journal, good);
      const back = await lab.recovering(() => lab.drive("up", changed));
      return [
        ...failuresOf("the first deployment", first.result, first.text),
        ...(refused.text.includes("JOURNAL_DAMAGED") ? [] : [`it said ${refused.text.slice(-300)}`]),
        ...(sent === 0 ? [] : [`it sent ${sent} messages`]),
        ...failuresOf("recovery", back.result, back.text),
        ...(await lab.check(changed, net)),
      ];
    },
  };
}

/** K5: no file may grow beyond this number of blocks of 512 bytes, as on a full disk. */
export function fullDisk(blocks: number): FaultCase {
  return {
    family: "K5",
    name: `a disk full after ${blocks} blocks`,
    async run(lab) {
      const net = await lab.network();
      const spec = smallFleet(net, await lab.folder());
      const { ended } = await lab.start("up", spec, undefined, {
        shell: `ulimit -f ${blocks}; trap '' XFSZ;`,
      });
      const { text } = await ended;
      const back = await lab.recovering(() => lab.drive("up", spec));
      return [
        ...(/JOURNAL_UNWRITABLE|EFBIG|file too large/i.test(text) ? [] : [`it said ${text.slice(-300)}`]),
        ...failuresOf("recovery", back.result, back.text),
        ...(await lab.check(spec, net)),
      ];
    },
  };
}

/** K5: something else is in the place of the journal's folder. */
export function noFolder(): FaultCase {
  return {
    family: "K5",
    name: "no folder for the journal",
    async run(lab) {
      const net = await lab.network();
      const spec = smallFleet(net, await lab.folder());
      const folder = dirname(journalOf(spec));
      await mkdir(dirname(folder), { recursive: true });
      await writeFile(folder, "");
      const refused = await lab.drive("up", spec);
      const made = net.oracle.counts().processes;
      await rm(folder);
      const back = await lab.recovering(() => lab.drive("up", spec));
      return [
        ...(refused.text.includes("JOURNAL_UNWRITABLE") ? [] : [`it said ${refused.text.slice(-300)}`]),
        ...(made === 0 ? [] : [`${made} processes were made`]),
        ...failuresOf("recovery", back.result, back.text),
        ...(await lab.check(spec, net)),
      ];
    },
  };
}

/** A copy of what an operator has on disk, and a function that restores it. */
export async function backup(home: string, to: string): Promise<() => Promise<void>> {
  await cp(join(home, "state.json"), join(to, "state.json"));
  return () => cp(join(to, "state.json"), join(home, "state.json"));
}
