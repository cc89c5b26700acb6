/** grpc.health.v1: whether the service, or one of its services by name, takes calls. "" asks for the whole server. */
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import {
  HealthCheckResponse_ServingStatus as Status,
  type Health,
  type HealthCheckRequest,
} from "../../gen/health/v1/health_pb.ts";
import { failure } from "../verification/failures.ts";
import { failureToConnectError } from "./errors.ts";
import type { Readiness } from "./readiness.ts";

/** How often a watch looks again, in milliseconds: a store is asked for its health, it does not announce it. */
const WATCH_INTERVAL_MS = 1_000;

export interface HealthOptions {
  /** Full names of the services that are served. */
  readonly services: readonly string[];
  readonly readiness: Readiness;
}

export function createHealthService({ services, readiness }: HealthOptions): ServiceImpl<typeof Health> {
  const known = new Set(["", ...services]);
  const statusNow = () => (readiness.isServing() ? Status.SERVING : Status.NOT_SERVING);
  return {
    check({ service }: HealthCheckRequest) {
      if (!known.has(service)) {
        throw failureToConnectError(failure("ROUTE_NOT_FOUND", { text: "unknown service" }));
      }
      return { status: statusNow() };
    },
    list() {
      return { statuses: Object.fromEntries([...known].map((name) => [name, { status: statusNow() }])) };
    },
    /**
     * An unknown service is a status here, not an error: it may come to be served while the client watches. When the
     * server stops, a watch says so and ends at once: it would hold up the stop for nothing.
     */
    async *watch({ service }: HealthCheckRequest, { signal }) {
      const { stopping } = readiness;
      let last: Status | undefined;
      while (!signal.aborted) {
        const isStopping = stopping.aborted;
        const status = known.has(service) ? statusNow() : Status.SERVICE_UNKNOWN;
        if (status !== last) yield { status };
        last = status;
        if (isStopping) throw new ConnectError("the server is shutting down", Code.Unavailable);
        await pause(WATCH_INTERVAL_MS, [signal, stopping]);
      }
      throw ConnectError.from(signal.reason, Code.Canceled);
    },
  };
}

/** Ends early when one of the signals is given. */
function pause(ms: number, signals: readonly AbortSignal[]): Promise<void> {
  if (signals.some(({ aborted }) => aborted)) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener("abort", done);
      resolve();
    }
    for (const signal of signals) signal.addEventListener("abort", done);
  });
}
