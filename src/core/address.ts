/** Matches 32 bytes in base64url: the address of a wallet, or the id of a process, a module or another data item. */
export const ADDRESS = /^[A-Za-z0-9_-]{43}$/;

export const isAddress = (text: string): boolean => ADDRESS.test(text);
