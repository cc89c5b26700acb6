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

/** @param header value of grpc-timeout: up to eight digits and a unit @throws FailureError */
export function grpcTimeoutMs(header: string | null, maxTimeoutMs: number): number | undefined {
  if (header === null) return undefined;
  const [, digits, unit = ""] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
  if (digits === undefined) throw refused(`protocol error: invalid grpc timeout value: ${header}`);
  return checked(Number(digits) * (GRPC_UNITS_MS[unit] ?? 0), maxTimeoutMs);
}

/** @param header value of connect-timeout-ms: up to ten digits @throws FailureError */
export function connectTimeoutMs(header: string | null, maxTimeoutMs: number): number | undefined {
  if (header === null) return undefined;
  if (!/^\d{1,10}$/.test(header)) throw refused(`protocol error: invalid connect timeout value: ${header}`);
  return checked(Number(header), maxTimeoutMs);
}

function checked(timeoutMs: number, maxTimeoutMs: number): number {
  if (timeoutMs > maxTimeoutMs) throw refused(`timeout ${timeoutMs}ms must be <= ${maxTimeoutMs}`);
  return timeoutMs;
}

function refused(text: string): FailureError {
  return new FailureError(failure("REQUEST_MALFORMED", { text }));
}
