/** Reads a whole body off a stream, up to a limit. */
import type { Readable } from "node:stream";
import { unfinishedBodies } from "../unfinished-bodies.ts";
import { BodyTooLargeError, ClientGoneError } from "./exchange.ts";

/**
 * @throws BodyTooLargeError past maxBytes, ClientGoneError when the stream ends before the body does, FailureError
 *   OVERLOADED when the memory for bodies is needed for others
 */
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
    // What happened while somebody looked who is calling is not told again.
    if (stream.readableEnded || stream.destroyed) {
      if (stream.readableEnded && !wasReset(stream)) resolve(Buffer.alloc(0));
      else reject(new ClientGoneError());
      return;
    }
    let chunks: Buffer[] | undefined = [];
    let size = 0;
    const fail = (error: Error) => {
      chunks = undefined;
      unfinished.end();
      reject(error);
    };
    const unfinished = unfinishedBodies.begin(fail);
    stream.on("data", (chunk: Buffer) => {
      if (chunks === undefined) return;
      size += chunk.length;
      if (size > maxBytes) {
        fail(new BodyTooLargeError());
      } else {
        chunks.push(chunk);
        unfinished.grow(chunk.length);
      }
    });
    stream.on("end", () => {
      if (chunks === undefined) return;
      if (wasReset(stream)) {
        fail(new ClientGoneError());
        return;
      }
      unfinished.end();
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
    const gone = () => {
      // Every stream closes in the end; an error made for nothing costs more than the rest of this function.
      if (!stream.readableEnded) fail(new ClientGoneError());
    };
    stream.on("error", gone);
    stream.on("close", gone);
  });
}

/** A stream of HTTP/2 that was reset ends as well, and what came of its body is not a body. */
function wasReset(stream: Readable): boolean {
  return (stream as Readable & { readonly aborted?: boolean }).aborted === true;
}
