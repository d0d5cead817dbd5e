import { FleetError, type Problem } from "../core/errors.ts";
import type { ImageModules } from "./aos-modules.ts";
import type { Bundle, BundledModule } from "./types.ts";

type Sized = Pick<Bundle, "name" | "bytes" | "modules">;

/**
 * Rejects at plan time what a unit would reject or lose later.
 *
 * @param limitBytes the largest message that the network's unit accepts, in bytes
 * @throws FleetError `BUNDLE_TOO_LARGE` with the limit, the size by module and a remedy
 */
export function checkSize(bundle: Sized, limitBytes: number): void {
  if (bundle.bytes <= limitBytes) return;
  throw new FleetError({
    code: "BUNDLE_TOO_LARGE",
    what: `The bundle of ${bundle.name} is too large for one message of this network.`,
    got: `${kB(bundle.bytes)}: ${sizes(bundle.modules)}`,
    expected: `at most ${kB(limitBytes)}`,
    remedy:
      "Set `minify: true`, move data into a config bundle, split the process, or, on a legacy network, set `uploadUrl` to load the bundle from there.",
  });
}

/**
 * Rejects a bundle that its image cannot evaluate: an image with a small stack traps on a larger message, whatever
 * the network accepts.
 *
 * @param around bytes of the message in addition to the bundle
 * @throws FleetError `BUNDLE_TOO_LARGE` with the limit, the size by module and a remedy
 */
export function checkImage(bundle: Sized & Pick<Bundle, "text">, image: ImageModules, around: number): void {
  const { name, maxEvalBytes } = image;
  // The image reads the message as JSON, where line ends and quotes take two bytes.
  const bytes = Buffer.byteLength(JSON.stringify(bundle.text)) + around;
  if (maxEvalBytes === undefined || bytes <= maxEvalBytes) return;
  throw new FleetError({
    code: "BUNDLE_TOO_LARGE",
    what: `The bundle of ${bundle.name} is larger than the image ${name} can evaluate.`,
    got: `${kB(bytes)} as a message: ${sizes(bundle.modules)}`,
    expected: `at most ${kB(maxEvalBytes)}: its stack is small, and it traps on more`,
    remedy:
      "Declare another `module`, such as your own build with a larger stack, or set `lib: false` and `minify: true`.",
  });
}

/** The problem of a bundle over its declared budget, or none. */
export function budgetProblems(bundle: Sized, maxBytes: number | undefined): Problem[] {
  if (maxBytes === undefined || bundle.bytes <= maxBytes) return [];
  return [
    {
      code: "BUNDLE_OVER_BUDGET",
      what: `The bundle of ${bundle.name} is larger than its budget.`,
      got: `${kB(bundle.bytes)}: ${sizes(bundle.modules)}`,
      expected: `at most ${kB(maxBytes)}`,
      remedy: "Remove unused code, set `minify: true`, or raise `budget.maxBytes`.",
      at: "budget.maxBytes",
    },
  ];
}

/** The largest modules first, the small rest summed up. */
function sizes(modules: readonly BundledModule[], most = 8): string {
  const sorted = [...modules].sort((a, b) => b.bytes - a.bytes || (a.file < b.file ? -1 : 1));
  const shown = sorted.slice(0, most).map(({ file, bytes }) => `${file} ${kB(bytes)}`);
  const rest = sorted.slice(most);
  if (rest.length > 0)
    shown.push(`${rest.length} more ${kB(rest.reduce((sum, { bytes }) => sum + bytes, 0))}`);
  return shown.join(", ");
}

/** Bytes as people read them: `412.3 kB` (1 kB = 1,000 bytes). */
export function kB(bytes: number): string {
  return bytes < 1000
    ? `${bytes} B`
    : `${(bytes / 1000).toLocaleString("en", { maximumFractionDigits: 1 })} kB`;
}
