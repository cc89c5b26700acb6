/**
 * What of HTTP/2 is refused before it becomes a request: headers that are too large. Node tells clients how large they may
 * be (SETTINGS_MAX_HEADER_LIST_SIZE) and leaves it to its users to mean it.
 */
import { constants, type ServerHttp2Stream } from "node:http2";
import { HEADERS_TOO_LARGE } from "./http1-guard.ts";
import { MAX_HEADER_BYTES } from "./limits.ts";
import { REQUEST_ID_HEADER } from "./request-id.ts";

/** What each header counts beside its characters (RFC 9113 section 6.5.2). */
const BYTES_PER_HEADER = 32;

/** @param rawHeaders names and values in turn */
export function areTooLarge(rawHeaders: readonly string[]): boolean {
  let bytes = (rawHeaders.length / 2) * BYTES_PER_HEADER;
  for (const text of rawHeaders) bytes += text.length;
  return bytes > MAX_HEADER_BYTES;
}

/** Answers 431. @returns the reason, for the log */
export function refuseHeaders(stream: ServerHttp2Stream, requestId: string): string {
  const { reason, code, message } = HEADERS_TOO_LARGE;
  stream.on("error", () => {}).resume();
  stream.respond({
    ":status": 431,
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    [REQUEST_ID_HEADER]: requestId,
  });
  stream.once("finish", () => stream.close(constants.NGHTTP2_NO_ERROR));
  stream.end(JSON.stringify({ code, message }));
  return reason;
}
