/** How long a client is willing to wait, as its protocol says it. */
import { failure, FailureError } from "../../verification/failures.ts";

/** The gRPC protocol's units (PROTOCOL-HTTP2.md, "Timeout"), in milliseconds. */
const GRPC_UNITS_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 0.001,
  n: 0.000001,
};

/** Node's timers end at 2^31 - 1; a whole number of seconds below, as grpc-timeout has eight digits only. */
const MAX_TIMER_MS = 2_147_483_000;

/** @param header value of grpc-timeout: up to eight digits and a unit @throws FailureError */
export function grpcTimeoutMs(header: string | null, maxTimeoutMs: number): number | undefined {
  if (header === null) return undefined;
  const timeoutMs = parseGrpcTimeout(header);
  if (timeoutMs === undefined) throw refused(`protocol error: invalid grpc timeout value: ${header}`);
  return checked(timeoutMs, maxTimeoutMs);
}

/** @param header value of connect-timeout-ms: up to ten digits @throws FailureError */
export function connectTimeoutMs(header: string | null, maxTimeoutMs: number): number | undefined {
  if (header === null) return undefined;
  if (!/^\d{1,10}$/.test(header)) throw refused(`protocol error: invalid connect timeout value: ${header}`);
  return checked(Number(header), maxTimeoutMs);
}

/**
 * Caps absurd time-outs before connect-node sees them: it makes a timer of a time-out that it is about to refuse, and Node
 * warns of every timer beyond its range.
 */
export function capTimeouts(headers: Headers): void {
  const grpc = parseGrpcTimeout(headers.get("grpc-timeout") ?? "");
  if (grpc !== undefined && grpc > MAX_TIMER_MS) headers.set("grpc-timeout", `${MAX_TIMER_MS / 1_000}S`);
  const connect = headers.get("connect-timeout-ms") ?? "";
  if (/^\d{1,10}$/.test(connect) && Number(connect) > MAX_TIMER_MS) {
    headers.set("connect-timeout-ms", String(MAX_TIMER_MS));
  }
}

/** @returns undefined for what is no time-out */
function parseGrpcTimeout(header: string): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
  return digits === undefined ? undefined : Number(digits) * (GRPC_UNITS_MS[unit] ?? 0);
}

function checked(given: number, maxTimeoutMs: number): number {
  const timeoutMs = Math.min(given, MAX_TIMER_MS);
  if (timeoutMs > maxTimeoutMs) throw refused(`timeout ${timeoutMs}ms must be <= ${maxTimeoutMs}`);
  return timeoutMs;
}

function refused(text: string): FailureError {
  return new FailureError(failure("REQUEST_MALFORMED", { text }));
}
