/** What every API answer carries, whichever path serves it. */
import type { WireFormat } from "../rpc/call.ts";
import type { Cors } from "./cors.ts";
import { REQUEST_ID_HEADER } from "./request-id.ts";
import type { Exchange, OutgoingHeaders } from "./unary/exchange.ts";

/** @param format where it is known already */
export type AnswerHeaders = (exchange: Exchange, requestId: string, format?: WireFormat) => OutgoingHeaders;

/** Answers hold codes and addresses: no cache may keep them, no browser guess at their type. */
const API_HEADERS: OutgoingHeaders = { "cache-control": "no-store", "x-content-type-options": "nosniff" };

/** @param isPage whether a path is a page's, which scripts from elsewhere have no business with */
export function answerHeaders(cors: Cors, isPage: (path: string) => boolean): AnswerHeaders {
  return (exchange, requestId, format) => {
    // Neither browsers nor caches speak gRPC itself, and each header costs half a microsecond.
    if (format === "grpc") return { [REQUEST_ID_HEADER]: requestId };
    const origins = isPage(exchange.path) ? undefined : cors.headersOf(exchange);
    return { ...API_HEADERS, [REQUEST_ID_HEADER]: requestId, ...origins };
  };
}
