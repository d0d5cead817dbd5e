/** The sender of a message in text: who it is, and who it claims to be without proof. Pure. */
export const senderText = (
  { from, claims }: { readonly from: string; readonly claims?: string },
  nameOf: (address: string) => string,
): string => (claims === undefined ? nameOf(from) : `${nameOf(from)}, which claims to be ${nameOf(claims)}`);
