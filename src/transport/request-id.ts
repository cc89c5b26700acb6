/** The id that ties an answer to its log line: the client's `x-request-id` where it is sane, else a new one. */
import { randomUUID } from "node:crypto";
import type { HeaderReader } from "../rpc/call.ts";

export const REQUEST_ID_HEADER = "x-request-id";
const SANE = /^[\w.:/+=-]{1,128}$/;

export function requestIdOf(headers: HeaderReader): string {
  const given = headers.get(REQUEST_ID_HEADER);
  return given !== null && SANE.test(given) ? given : randomUUID();
}
