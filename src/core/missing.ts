/** For `catch`: a value in the place of the error that a file or folder does not exist. Any other error is thrown. */
export const ifMissing =
  <T>(value: T) =>
  (error: unknown): T => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return value;
    throw error;
  };

/** The result of a call to the file system; a value in its place if the file or folder does not exist. */
export function unlessMissing<T, E>(call: () => T, value: E): T | E {
  try {
    return call();
  } catch (error) {
    return ifMissing(value)(error);
  }
}
