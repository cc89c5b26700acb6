/** grpc.health.v1: whether the service, or one of its services by name, takes calls. "" asks for the whole server. */
import type { ServiceImpl } from "@connectrpc/connect";
import {
  HealthCheckResponse_ServingStatus as Status,
  type Health,
  type HealthCheckRequest,
} from "../../gen/health/v1/health_pb.ts";
import { failureToConnectError } from "./errors.ts";
import { failure } from "../verification/failures.ts";

/** How often a watch looks again, in milliseconds: health is asked for, it does not announce itself. */
const WATCH_INTERVAL_MS = 1_000;

export interface HealthOptions {
  /** Full names of the services that are served. */
  readonly services: readonly string[];
  readonly isServing: () => boolean;
}

export function createHealthService({ services, isServing }: HealthOptions): ServiceImpl<typeof Health> {
  const known = new Set(["", ...services]);
  const statusNow = () => (isServing() ? Status.SERVING : Status.NOT_SERVING);
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
    /** An unknown service is a status here, not an error: it may come to be served while the client watches. */
    async *watch({ service }: HealthCheckRequest, context) {
      let last: Status | undefined;
      while (!context.signal.aborted) {
        const status = known.has(service) ? statusNow() : Status.SERVICE_UNKNOWN;
        if (status !== last) yield { status };
        last = status;
        await pause(WATCH_INTERVAL_MS, context.signal);
      }
    },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done);
  });
}
