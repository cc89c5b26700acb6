/**
 * Which browser origins may call, and what they may send and see (https://fetch.spec.whatwg.org/#http-cors-protocol).
 *
 * For API answers of every format; pages are for people who opened them, not for scripts from elsewhere.
 */
import { cors } from "@connectrpc/connect";
import { isLoopback } from "../verification/host-name.ts";
import type { Exchange, OutgoingHeaders } from "./unary/exchange.ts";

/** Origins as browsers spell them; "*" among them for any; "loopback" for any on this machine. */
export type AllowedOrigins = readonly string[] | "loopback";

/** Seconds for which a browser keeps the answer to a preflight: two hours, the longest that Chromium keeps one. */
const MAX_AGE_S = 7200;

/** Those that google.api.http can bind, and Connect's. HEAD needs no permission. */
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"];

const REQUEST_HEADERS = [
  ...cors.allowedHeaders,
  "Authorization",
  "Accept-Language",
  "Countersign-Allow-Suppressed",
  "Idempotency-Key",
  "Traceparent",
  "Tracestate",
  "X-Request-Id",
  "X-Zitadel-Orgid",
];

const RESPONSE_HEADERS = [
  ...cors.exposedHeaders,
  "Grpc-Retry-Pushback-Ms",
  "Idempotency-Replayed",
  "Retry-After",
  "WWW-Authenticate",
  "X-Request-Id",
];

const PREFLIGHT: OutgoingHeaders = {
  "access-control-allow-methods": METHODS.join(", "),
  "access-control-allow-headers": [...new Set(REQUEST_HEADERS)].join(", "),
  "access-control-max-age": String(MAX_AGE_S),
};
const EXPOSED: OutgoingHeaders = { "access-control-expose-headers": RESPONSE_HEADERS.join(", ") };

const VARY: OutgoingHeaders = { vary: "Origin" };

export class Cors {
  /** What an origin gets; undefined where it may not call. */
  readonly #permissionFor: (origin: string | null) => OutgoingHeaders | undefined;
  readonly #refusal: OutgoingHeaders;

  constructor(origins: AllowedOrigins) {
    this.#refusal = origins.length === 0 ? {} : VARY;
    if (origins !== "loopback" && origins.includes("*")) {
      const any = { "access-control-allow-origin": "*" };
      this.#permissionFor = () => any;
    } else {
      const listed = new Set(origins);
      const isAllowed = origins === "loopback" ? isLoopbackOrigin : (origin: string) => listed.has(origin);
      this.#permissionFor = (origin) =>
        origin !== null && isAllowed(origin) ? permissionOf(origin) : undefined;
    }
  }

  /** What an API answer says about origins. */
  headersOf(exchange: Exchange): OutgoingHeaders {
    const permission = this.#permissionFor(exchange.get("origin"));
    return permission === undefined ? this.#refusal : { ...permission, ...EXPOSED };
  }

  /** The answer to a browser that asks first; undefined when it does not, or its origin may not call. */
  preflightOf(exchange: Exchange): OutgoingHeaders | undefined {
    if (exchange.verb !== "OPTIONS" || exchange.get("access-control-request-method") === null)
      return undefined;
    const permission = this.#permissionFor(exchange.get("origin"));
    return permission === undefined ? undefined : { ...permission, ...PREFLIGHT };
  }
}

function permissionOf(origin: string): OutgoingHeaders {
  return { ...VARY, "access-control-allow-origin": origin, "access-control-allow-credentials": "true" };
}

function isLoopbackOrigin(origin: string): boolean {
  const url = URL.parse(origin);
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === origin && isLoopback(url.hostname);
}
