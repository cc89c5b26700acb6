/**
 * The steps that every unary call takes, whatever its format: authenticate, bind, authorize, validate, call, log.
 *
 * Authentication comes before everything, so a caller without a token learns nothing about the request, and none of its
 * body is read: transport has it done by the headers alone, with `open`. Validation comes before any rule of the domain. Errors leave the chain as ConnectErrors, mapped here and nowhere else.
 */
import {
  getOption,
  hasOption,
  type DescMessage,
  type DescMethod,
  type DescService,
  type Message,
} from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { InboxService } from "../../gen/countersign/v1/inbox_service_pb.ts";
import { VerificationService } from "../../gen/countersign/v1/verification_service_pb.ts";
import { options as methodOptions } from "../../gen/zitadel/protoc_gen_zitadel/v2/options_pb.ts";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import type { Authenticator } from "../access/authenticator.ts";
import type { Caller, Permission } from "../verification/caller.ts";
import { failure, FailureError } from "../verification/failures.ts";
import { applyBindings } from "./bindings.ts";
import type { Arrival, Call, StreamCall } from "./call.ts";
import type { CallLog } from "./call-log.ts";
import { toConnectError } from "./errors.ts";
import { RequestRules } from "./request-rules.ts";
import { addRetryHint } from "./retry-hints.ts";
import { UnservedFields } from "./unserved-fields.ts";

export const ORGANIZATION_HEADER = "x-zitadel-orgid";

/** Nothing here takes long; a call that does has lost its database. */
const DEFAULT_TIMEOUT_MS = 30_000;
/** But for what waits until something happens: longer than it waits itself. */
const WAITING_TIMEOUT_MS = 65_000;
const WAITING_METHODS: ReadonlySet<DescMethod> = new Set([InboxService.method.waitForMail]);

/** The code is the credential there; the attempt limits guard it. */
const CODE_METHODS: ReadonlySet<DescMethod> = new Set([
  UserService.method.verifyEmail,
  VerificationService.method.checkCode,
]);

/** ZITADEL's option value for "any valid token; finer checks follow in the command". */
const AUTHENTICATED = "authenticated";

export interface MethodAccess {
  /** Infrastructure (health, reflection) is open to everyone. */
  readonly isPublic: boolean;
  readonly anonymous: "allowed" | "refused";
  /** Asked of the caller before the request is validated. */
  readonly permission: Permission | undefined;
}

/** A call as its headers tell of it; `open` fills in who is calling. */
export type OpeningCall = Pick<StreamCall, keyof Arrival | "method" | "format" | "headers" | "caller">;

export interface ChainOptions {
  readonly authenticator: Authenticator;
  readonly callLog: CallLog;
  /** Those whose requests have rules, which are made ready before the first call. */
  readonly services: readonly DescService[];
}

export class Chain {
  readonly #authenticator: Authenticator;
  readonly #callLog: CallLog;
  readonly #rules = new RequestRules();
  readonly #unserved = new UnservedFields();
  readonly #access = new Map<DescMethod, MethodAccess>();

  constructor({ authenticator, callLog, services }: ChainOptions) {
    this.#authenticator = authenticator;
    this.#callLog = callLog;
    for (const { methods } of services) {
      for (const { input } of methods) this.#rules.compile(input);
    }
  }

  /** Takes the call through the steps around `next`. @throws ConnectError */
  async run<Reply>(call: Call, request: Message, next: () => Promise<Reply>): Promise<Reply> {
    try {
      const access = this.#accessOf(call.method);
      if (!call.isAuthenticated && !access.isPublic) call.caller = await this.#authenticate(call, access);
      applyBindings(call.method.input, request, call.bindings);
      authorize(call.caller, access);
      this.#validate(call.method.input, request);
      const reply = await withinDeadline(timeLimitMs(call), next);
      this.#callLog.ended(call);
      return reply;
    } catch (error) {
      const mapped = toConnectError(error, call.requestId);
      addRetryHint(mapped, call.format);
      this.#callLog.ended(call, mapped);
      throw mapped;
    }
  }

  /**
   * For requests that are read later: authentication alone. Who opened a stream says by `closed` how it ended.
   *
   * @throws ConnectError, which the log has
   */
  async open(call: OpeningCall): Promise<void> {
    try {
      const access = this.#accessOf(call.method);
      if (!access.isPublic) call.caller = await this.#authenticate(call, access);
    } catch (error) {
      const mapped = toConnectError(error, call.requestId);
      addRetryHint(mapped, call.format);
      this.#callLog.ended(call, mapped);
      throw mapped;
    }
  }

  /** For streams that answer one request, once it is there. @throws FailureError */
  admit(call: StreamCall, request: Message): void {
    authorize(call.caller, this.#accessOf(call.method));
    this.#validate(call.method.input, request);
  }

  /**
   * For streams that have been open for a while: a token may be revoked, or over, and its account may have other roles.
   *
   * @throws FailureError as for a new call
   */
  async renew(call: StreamCall): Promise<void> {
    const access = this.#accessOf(call.method);
    if (access.isPublic) return;
    call.caller = await this.#authenticate(call, access);
    authorize(call.caller, access);
  }

  /** For streams that came to their end, or broke. @returns what the wire says of the error */
  closed(call: StreamCall): void;
  closed(call: StreamCall, error: unknown): ConnectError;
  closed(call: StreamCall, ...[error]: [error?: unknown]): ConnectError | undefined {
    const mapped = error === undefined ? undefined : toConnectError(error, call.requestId);
    if (mapped !== undefined) addRetryHint(mapped, call.format);
    this.#callLog.ended(call, mapped);
    return mapped;
  }

  #accessOf(method: DescMethod): MethodAccess {
    let access = this.#access.get(method);
    if (access === undefined) {
      access = describeAccess(method);
      this.#access.set(method, access);
    }
    return access;
  }

  #authenticate({ headers }: Pick<Call, "headers">, access: MethodAccess): Promise<Caller> {
    const caller = this.#authenticator.authenticate(headers.get("authorization"), access.anonymous);
    const organizationId = headers.get(ORGANIZATION_HEADER);
    return organizationId === null || organizationId === ""
      ? caller
      : this.#inOrganization(caller, organizationId);
  }

  async #inOrganization(authenticated: Promise<Caller>, organizationId: string): Promise<Caller> {
    const caller = await authenticated;
    if (caller.kind === "principal") await this.#authenticator.checkOrganization(organizationId);
    return caller;
  }

  #validate(schema: DescMessage, request: Message): void {
    const violation = this.#rules.check(schema, request);
    if (violation !== undefined) {
      throw new FailureError(failure("REQUEST_INVALID", { text: violation.text, fields: [violation.fault] }));
    }
    const unserved = this.#unserved.find(schema, request);
    if (unserved !== undefined) {
      throw new FailureError(
        failure("FIELD_NOT_SERVED", {
          text: `Countersign does not serve the field ${unserved}`,
          metadata: { field: unserved },
        }),
      );
    }
  }
}

export function describeAccess(method: DescMethod): MethodAccess {
  const isPublic = method.parent.typeName.startsWith("grpc.");
  const permission = hasOption(method, methodOptions)
    ? getOption(method, methodOptions).authOption?.permission
    : undefined;
  return {
    isPublic,
    anonymous: CODE_METHODS.has(method) ? "allowed" : "refused",
    permission:
      permission === undefined || permission === AUTHENTICATED ? undefined : (permission as Permission),
  };
}

function timeLimitMs({ method, timeoutMs }: Call): number {
  const mostMs = WAITING_METHODS.has(method) ? WAITING_TIMEOUT_MS : DEFAULT_TIMEOUT_MS;
  return Math.min(timeoutMs ?? mostMs, mostMs);
}

/** Waits no longer than the client does. What was begun goes on; its outcome is known to the database alone. */
function withinDeadline<Reply>(allowedMs: number, next: () => Promise<Reply>): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const expire = () => reject(new FailureError(failure("DEADLINE_EXCEEDED")));
    if (allowedMs <= 0) return expire();
    const timer = setTimeout(expire, allowedMs);
    next().then(
      (reply) => {
        clearTimeout(timer);
        resolve(reply);
      },
      (error: Error) => {
        clearTimeout(timer);
        reject(error);
      },
    );
    return undefined;
  });
}

/** Whether the caller holds the permission anywhere; for which organization is the command's question. */
function authorize(caller: Caller, { permission }: MethodAccess): void {
  if (permission === undefined || caller.kind !== "principal") return;
  if (caller.grants.length === 0) throw new FailureError(failure("MEMBERSHIP_NOT_FOUND"));
  if (!caller.grants.some((grant) => grant.permissions.includes(permission))) {
    throw new FailureError(failure("PERMISSION_DENIED_METHOD", { metadata: { permission } }));
  }
}
