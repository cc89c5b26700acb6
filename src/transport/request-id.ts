/** The id that ties an answer to its log line: the client's `x-request-id` where it is sane, else a new one. */
import { randomUUID } from "node:crypto";
import type { NodeRequest } from "./node-http.ts";

export const REQUEST_ID_HEADER = "x-request-id";
const SANE = /^[\w.:/+=-]{1,128}$/;

export function requestIdOf(request: NodeRequest): string {
  const given = request.headers[REQUEST_ID_HEADER];
  return typeof given === "string" && SANE.test(given) ? given : randomUUID();
}
