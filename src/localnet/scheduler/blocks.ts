import { createHash } from "node:crypto";

/** The embedded chain: blocks are derived from the clock, nothing is stored. */
interface Block {
  readonly id: string;
  readonly height: number;
  /** Milliseconds. */
  readonly timestamp: number;
  readonly previous: string;
}

export interface Chain {
  heightAt(milliseconds: number): number;
  block(height: number): Block;
}

/** Height of the first block: above the height at which units start to check hash chains. */
export const FIRST_HEIGHT = 1_500_000;

export function chain(genesis: number, blockSeconds: number): Chain {
  const id = (height: number) =>
    createHash("sha384").update(`block ${genesis} ${height}`).digest("base64url");
  return {
    heightAt: (milliseconds) =>
      FIRST_HEIGHT + Math.max(0, Math.floor((milliseconds - genesis) / (blockSeconds * 1000))),
    block: (height) => ({
      id: id(height),
      height,
      timestamp: genesis + (height - FIRST_HEIGHT) * blockSeconds * 1000,
      previous: id(height - 1),
    }),
  };
}
