/**
 * The size of headers on HTTP/2. Node holds clients to what the settings say only once they have acknowledged them; until
 * then it is said here, in the same way.
 */
import { constants, type ServerHttp2Stream } from "node:http2";
import { MAX_HEADER_BYTES } from "./limits.ts";

/** What each header counts beside its characters (RFC 9113 section 6.5.2). */
const BYTES_PER_HEADER = 32;

/** Resets the stream when its headers are too large. @param rawHeaders names and values in turn @returns whether they are */
export function refuseLargeHeaders(stream: ServerHttp2Stream, rawHeaders: readonly string[]): boolean {
  let bytes = (rawHeaders.length / 2) * BYTES_PER_HEADER;
  for (const text of rawHeaders) bytes += text.length;
  if (bytes <= MAX_HEADER_BYTES) return false;
  stream.on("error", () => {}).close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  return true;
}
