/** Whether a string can be written as UTF-8: it contains no half of a surrogate pair. */
export const isUtf8 = (text: string): boolean => !/\p{Surrogate}/u.test(text);
