/** What a request tells about itself beside its message, read once when it arrives. */
import { parseTrace } from "../observability/trace.ts";
import type { Arrival } from "../rpc/call.ts";
import { requestIdOf } from "./request-id.ts";
import type { Exchange } from "./unary/exchange.ts";

export function arrivalOf(exchange: Exchange): Arrival {
  return {
    requestId: requestIdOf(exchange),
    peerAddress: exchange.peerAddress,
    startedMs: performance.now(),
    trace: parseTrace(exchange.get("traceparent"), exchange.get("tracestate")),
  };
}
