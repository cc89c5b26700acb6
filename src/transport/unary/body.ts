/** Reads a whole body off a stream, up to a limit. */
import type { Readable } from "node:stream";
import { BodyTooLargeError, ClientGoneError } from "./exchange.ts";

/** @throws BodyTooLargeError past maxBytes, ClientGoneError when the stream ends before the body does */
export function collectBody(
  stream: Readable,
  declaredLength: string | undefined,
  maxBytes: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (Number(declaredLength ?? 0) > maxBytes) {
      reject(new BodyTooLargeError());
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    stream.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else reject(new BodyTooLargeError());
    });
    stream.on("end", () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
    );
    const gone = () => {
      // Every stream closes in the end; an error made for nothing costs more than the rest of this function.
      if (!stream.readableEnded) reject(new ClientGoneError());
    };
    stream.on("error", gone);
    stream.on("close", gone);
  });
}
