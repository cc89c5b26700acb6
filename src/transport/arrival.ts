/** What a request tells about itself beside its message, read once when it arrives. */
import { parseTrace } from "../observability/trace.ts";
import type { Arrival } from "../rpc/call.ts";
import { requestIdOf } from "./request-id.ts";
import type { ClientAddresses } from "./client-addresses.ts";
import type { Exchange } from "./unary/exchange.ts";

export function arrivalOf(exchange: Exchange, clients: ClientAddresses): Arrival {
  return {
    requestId: requestIdOf(exchange),
    clientAddress: clients.of(exchange),
    startedMs: performance.now(),
    trace: parseTrace(exchange.get("traceparent"), exchange.get("tracestate")),
  };
}
