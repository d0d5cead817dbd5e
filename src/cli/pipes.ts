/**
 * Lets the reader of an output go (`fleet audit | head`). What is written afterwards is dropped: a command that changes something goes on
 * to its end and keeps its exit code. Any other error of the stream is thrown as before.
 *
 * @returns whether the stream is still read
 */
export function tolerateClosedPipe(stream: NodeJS.WritableStream): () => boolean {
  let isRead = true;
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    isRead = false;
  });
  return () => isRead;
}
