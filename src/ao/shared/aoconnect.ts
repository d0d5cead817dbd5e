/**
 * A client of aoconnect that composes messages and sends nothing.
 *
 * @typeParam Client the methods that are called. aoconnect's own types lack `fetch`, and signers that only want the fields.
 */
export async function composer<Client>(options: Readonly<Record<string, unknown>>): Promise<Client> {
  // Loaded at the first message: a preview sends nothing and need not wait for it.
  const { connect } = await import("@permaweb/aoconnect");
  const open = connect as unknown as (options: Readonly<Record<string, unknown>>) => Client;
  return open(options);
}
