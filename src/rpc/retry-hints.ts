/**
 * When to call again, in the words of the format: what RetryInfo says to those who decode details, headers and trailers say
 * to proxies and client libraries.
 */
import { Code, type ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { WireFormat } from "./call.ts";

/** RFC 9110 section 10.2.3, in seconds; with 429 (RFC 6585 section 4) and 503. */
export const RETRY_AFTER_HEADER = "retry-after";
/** gRPC's proposal A6: in milliseconds; clients with a retry policy wait so long, others take no notice. */
export const RETRY_PUSHBACK_TRAILER = "grpc-retry-pushback-ms";

/** Codes of calls that were not carried out, and may pass later as they are. */
const PASSING = new Set([Code.ResourceExhausted, Code.Unavailable]);

/** Adds to the error's metadata what its format sends: headers over Connect and REST, trailers over gRPC and gRPC-Web. */
export function addRetryHint(error: ConnectError, format: WireFormat): void {
  if (!PASSING.has(error.code)) return;
  const [info] = error.findDetails(RetryInfoSchema);
  if (info?.retryDelay === undefined) return;
  const { seconds, nanos } = info.retryDelay;
  const delayMs = Number(seconds) * 1_000 + nanos / 1_000_000;
  if (format === "grpc" || format === "grpc-web") {
    error.metadata.set(RETRY_PUSHBACK_TRAILER, String(Math.ceil(delayMs)));
  } else {
    error.metadata.set(RETRY_AFTER_HEADER, String(Math.ceil(delayMs / 1_000)));
  }
}

/** The header that `addRetryHint` left, for formats that write their headers themselves. */
export function retryAfterOf(error: ConnectError): Readonly<Record<string, string>> {
  const value = error.metadata.get(RETRY_AFTER_HEADER);
  return value === null ? {} : { [RETRY_AFTER_HEADER]: value };
}
