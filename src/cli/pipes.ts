/**
 * Tolerates a reader that closes the pipe (`fleet audit | head`). Further output is dropped, so a command that changes something still
 * finishes with its own exit code. Any other error of the stream is thrown.
 *
 * @returns a function that tells whether the stream still has a reader
 */
export function tolerateClosedPipe(stream: NodeJS.WritableStream): () => boolean {
  let isRead = true;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    isRead = false;
  });
  return () => isRead;
}
