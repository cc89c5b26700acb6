/**
 * Typed clients of a running service, for Node: gRPC over one HTTP/2 connection, which all calls share.
 *
 *     const countersign = createCountersignClient({ url: "http://127.0.0.1:8080", token });
 *     const { user } = await countersign.users.getUserByID({ userId: "ada" });
 *     countersign.close();
 *
 * Calls reject with what `callFailure` reads.
 */
import { createClient, type Client, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { AccessService } from "../../gen/countersign/v1/access_service_pb.ts";
import { DeliveryService } from "../../gen/countersign/v1/delivery_service_pb.ts";
import { InboxService } from "../../gen/countersign/v1/inbox_service_pb.ts";
import { OrganizationService } from "../../gen/countersign/v1/organization_service_pb.ts";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { RETRIES, retryRefused, type RetryPolicy } from "./retry.ts";

export interface ClientOptions {
  /** Origin of the service: `http://` speaks HTTP/2 without TLS (h2c). */
  readonly url: string;
  /** Access token, or what gives one for each call. Default: none, which VerifyEmail alone does with. */
  readonly token?: string | (() => string | Promise<string>);
  /** How long a call may take in all, retries included, in milliseconds. A call's own `timeoutMs` goes before it. Default: 30,000. */
  readonly timeoutMs?: number;
  /** What is sent again by itself. Default: RETRIES. `false`: nothing. */
  readonly retry?: RetryPolicy | false;
}

export interface CountersignClient {
  readonly users: Client<typeof UserService>;
  readonly deliveries: Client<typeof DeliveryService>;
  readonly inbox: Client<typeof InboxService>;
  readonly organizations: Client<typeof OrganizationService>;
  readonly access: Client<typeof AccessService>;
  /** Ends the connection, and with it the calls that are under way. */
  close(): void;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/** Connects with the first call, and again whenever the connection was lost. */
export function createCountersignClient(options: ClientOptions): CountersignClient {
  const { url, token, timeoutMs = DEFAULT_TIMEOUT_MS, retry = RETRIES } = options;
  const sessionManager = new Http2SessionManager(url);
  const transport = createGrpcTransport({
    baseUrl: url,
    sessionManager,
    defaultTimeoutMs: timeoutMs,
    // Answers are small: packing them would cost more than it saves.
    acceptCompression: [],
    // The first is the outermost: the token is asked for anew at every try.
    interceptors: [
      ...(retry === false ? [] : [retryRefused(retry)]),
      ...(token === undefined ? [] : [withToken(token)]),
    ],
  });
  return {
    users: createClient(UserService, transport),
    deliveries: createClient(DeliveryService, transport),
    inbox: createClient(InboxService, transport),
    organizations: createClient(OrganizationService, transport),
    access: createClient(AccessService, transport),
    close: () => sessionManager.abort(),
  };
}

function withToken(token: NonNullable<ClientOptions["token"]>): Interceptor {
  return (next) => async (request) => {
    const value = typeof token === "string" ? token : await token();
    request.header.set("Authorization", `Bearer ${value}`);
    return next(request);
  };
}
