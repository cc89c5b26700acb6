/** What the load process is told, and what it tells. */

/** Stands in path, headers or body where each call's user goes: as many digits. */
export const USER_MARKER = "~~~~~~~";
/** Stands in the body where the user's code goes. */
export const CODE_MARKER = "######";

export interface LoadOrder {
  readonly protocol: "http1" | "http2";
  readonly port: number;
  readonly tls: boolean;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Base64. */
  readonly body: string;
  /** What tells a success beside the HTTP status: a field of the trailers, a text in the body, or nothing. */
  readonly success: "grpc-status in trailers" | "grpc-status in body" | "status 200";
  readonly connections: number;
  /** Calls in flight per connection; 1 over HTTP/1.1. */
  readonly inFlight: number;
  /** Users that there are; calls go to them in an order without neighbours. */
  readonly users: number;
  /** The number of the first call, which decides its user. */
  readonly from: number;
  /** `collect` keeps the codes of the answers, per user; `submit` calls once per user whose code was kept. */
  readonly codes: "ignore" | "collect" | "submit";
  /** Calls end after this time, or after so many; with `submit` when no code is left. */
  readonly seconds?: number;
  readonly calls?: number;
}

export interface LoadResult {
  /** From the first call to the last answer. */
  readonly seconds: number;
  /** Every one of them was a success: anything else ends the run. */
  readonly calls: number;
  readonly bodyBytes: number;
  readonly minMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Share of one core that this process used meanwhile. */
  readonly cpuShare: number;
}
