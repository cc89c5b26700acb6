/**
 * Typed clients of a running service, for Node: gRPC over one HTTP/2 connection, which all calls share.
 *
 *     const countersign = createCountersignClient({ url: "http://127.0.0.1:8080", token });
 *     const { user } = await countersign.users.getUserByID({ userId: "ada" });
 *     countersign.close();
 *
 * Calls reject with what `callFailure` and `reasonOf` read. Calls that send codes or add users carry an idempotency key,
 * and are sent again where their answer was lost; any call that was refused for the moment is sent again when its refusal
 * says.
 */
import { createClient, type Client } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { AccessService } from "../../gen/countersign/v1/access_service_pb.ts";
import { DeliveryService } from "../../gen/countersign/v1/delivery_service_pb.ts";
import { EventService } from "../../gen/countersign/v1/event_service_pb.ts";
import { InboxService } from "../../gen/countersign/v1/inbox_service_pb.ts";
import { OrganizationService } from "../../gen/countersign/v1/organization_service_pb.ts";
import { VerificationService } from "../../gen/countersign/v1/verification_service_pb.ts";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { stepsOf, type CallOptions } from "./call-steps.ts";

export interface ClientOptions extends CallOptions {
  /** Origin of the service: `http://` speaks HTTP/2 without TLS (h2c). */
  readonly url: string;
  /** How long a call may take in all, retries included, in milliseconds. A call's own `timeoutMs` goes before it. Default: 30,000. */
  readonly timeoutMs?: number;
}

export interface CountersignClient {
  readonly users: Client<typeof UserService>;
  /** `watchEmail` goes on after breaks. */
  readonly verification: Client<typeof VerificationService>;
  readonly deliveries: Client<typeof DeliveryService>;
  readonly inbox: Client<typeof InboxService>;
  /** `followEvents` of follow-events.ts goes on after breaks. */
  readonly events: Client<typeof EventService>;
  readonly organizations: Client<typeof OrganizationService>;
  readonly access: Client<typeof AccessService>;
  /** Ends the connection, and with it the calls that are under way. */
  close(): void;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/** Connects with the first call, and again whenever the connection was lost. */
export function createCountersignClient(options: ClientOptions): CountersignClient {
  const { url, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const sessionManager = new Http2SessionManager(url);
  const transport = createGrpcTransport({
    baseUrl: url,
    sessionManager,
    defaultTimeoutMs: timeoutMs,
    // Answers are small: packing them would cost more than it saves.
    acceptCompression: [],
    interceptors: stepsOf(options),
  });
  return {
    users: createClient(UserService, transport),
    verification: createClient(VerificationService, transport),
    deliveries: createClient(DeliveryService, transport),
    inbox: createClient(InboxService, transport),
    events: createClient(EventService, transport),
    organizations: createClient(OrganizationService, transport),
    access: createClient(AccessService, transport),
    close: () => sessionManager.abort(),
  };
}
