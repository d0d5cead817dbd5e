import { createData } from "@dha-team/arbundles";
import { z } from "zod";
import type { LocalNetworkInfo } from "../../src/localnet/descriptor.ts";

/** What the scheduler unit shows of a spawn. */
const SpawnSchema = z.object({
  owner: z.object({ key: z.string() }),
  signature: z.string(),
  anchor: z.string().nullish(),
  data: z.string().nullish(),
  tags: z.array(z.object({ name: z.string(), value: z.string() })),
});

/**
 * Posts a process's spawn again, as anybody can: the bytes are public. After that no compute unit evaluates its messages.
 *
 * @returns the answer's status
 */
export async function ruin({ suUrl, muUrl }: LocalNetworkInfo, processId: string): Promise<number> {
  const shown = await fetch(`${suUrl}/processes/${processId}`);
  const { status } = await fetch(muUrl, {
    method: "POST",
    headers: { "content-type": "application/octet-stream" },
    body: bytesOf(SpawnSchema.parse(await shown.json()), processId),
  });
  return status;
}

function bytesOf(
  { owner, signature, anchor, data, tags }: z.infer<typeof SpawnSchema>,
  id: string,
): Uint8Array<ArrayBuffer> {
  const signer = {
    signatureType: 1,
    signatureLength: 512,
    ownerLength: 512,
    publicKey: Buffer.from(owner.key, "base64url"),
    sign: () => Promise.reject(new Error("signed already")),
  };
  const item = createData(data ?? "", signer, { tags, ...(anchor ? { anchor } : {}) });
  item.setSignature(Buffer.from(signature, "base64url"));
  if (item.id !== id) throw new Error(`the scheduler shows another spawn than ${id}`);
  return new Uint8Array(item.getRaw());
}
