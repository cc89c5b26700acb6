/**
 * Typed clients of a running service for browsers, and for all else that has fetch: gRPC-Web or Connect.
 *
 *     const countersign = createCountersignClient({ url: "https://verify.example.com", token: () => session.token() });
 *     await countersign.users.sendEmailCode({ userId });
 *
 * Where the page is not served by the service itself, its origin has to be in COUNTERSIGN_CORS_ORIGINS. Calls reject with
 * what `callFailure` and `reasonOf` read. Calls that send codes or add users carry an idempotency key, and are sent again
 * where their answer was lost; any call that was refused for the moment is sent again when its refusal says.
 */
import { createClient, type Client, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { DeliveryService } from "../../gen/countersign/v1/delivery_service_pb.ts";
import { InboxService } from "../../gen/countersign/v1/inbox_service_pb.ts";
import { VerificationService } from "../../gen/countersign/v1/verification_service_pb.ts";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { stepsOf, type CallOptions } from "./call-steps.ts";

export interface WebClientOptions extends CallOptions {
  /** Origin of the service, such as `https://verify.example.com`. */
  readonly url: string;
  /** Default: `grpc-web`. Both do the same; Connect's messages are JSON, which the browser's tools show. */
  readonly protocol?: "grpc-web" | "connect";
  /** How long a call may take in all, retries included, in milliseconds. A call's own `timeoutMs` goes before it. Default: 30,000. */
  readonly timeoutMs?: number;
  /** Default: the global fetch. */
  readonly fetch?: typeof globalThis.fetch;
}

export interface CountersignWebClient {
  readonly users: Client<typeof UserService>;
  readonly verification: Client<typeof VerificationService>;
  readonly deliveries: Client<typeof DeliveryService>;
  readonly inbox: Client<typeof InboxService>;
}

const DEFAULT_TIMEOUT_MS = 30_000;

export function createCountersignClient(options: WebClientOptions): CountersignWebClient {
  const transport = createWebTransport(options);
  return {
    users: createClient(UserService, transport),
    verification: createClient(VerificationService, transport),
    deliveries: createClient(DeliveryService, transport),
    inbox: createClient(InboxService, transport),
  };
}

/** The same for `createClient` of @connectrpc/connect, where a bundle shall hold a single service. */
export function createWebTransport(options: WebClientOptions): Transport {
  const { url, protocol = "grpc-web", timeoutMs = DEFAULT_TIMEOUT_MS, fetch } = options;
  const common = {
    baseUrl: url,
    defaultTimeoutMs: timeoutMs,
    interceptors: stepsOf(options),
    ...(fetch !== undefined && { fetch }),
  };
  return protocol === "connect" ? createConnectTransport(common) : createGrpcWebTransport(common);
}
