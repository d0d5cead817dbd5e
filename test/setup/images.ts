import { ensureImages } from "../../src/localnet/fetch-images.ts";

/** Once a run and before any test: the aos images that tests boot, downloaded if this machine does not have them. */
export default (): Promise<void> => ensureImages({ log: (line) => process.stderr.write(`${line}\n`) });
