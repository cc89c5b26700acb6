/** What every API answer carries, whichever path serves it. */
import type { Cors } from "./cors.ts";
import { REQUEST_ID_HEADER } from "./request-id.ts";
import type { Exchange, OutgoingHeaders } from "./unary/exchange.ts";

export type AnswerHeaders = (exchange: Exchange, requestId: string) => OutgoingHeaders;

/** Answers hold codes and addresses: no cache may keep them, no browser guess at their type. */
const API_HEADERS: OutgoingHeaders = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

/** @param isPage whether a path is a page's, which scripts from elsewhere have no business with */
export function answerHeaders(cors: Cors, isPage: (path: string) => boolean): AnswerHeaders {
  return (exchange, requestId) => ({
    ...API_HEADERS,
    [REQUEST_ID_HEADER]: requestId,
    ...(!isPage(exchange.path) && cors.headersOf(exchange)),
  });
}
