/** zitadel.user.v2.UserService: each method turns a message into a command or a query, and the answer into a message. */
import type { Message } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import type { EnvironmentFactory } from "../store/environment-factory.ts";
import type { ReturnedCode } from "../store/kept-codes.ts";
import type { Store } from "../store/store.ts";
import type { UserFilter } from "../store/user-query.ts";
import { checkPermission, type Caller } from "../verification/caller.ts";
import type { Environment } from "../verification/environment.ts";
import { failure, FailureError, type FailureName } from "../verification/failures.ts";
import type {
  IdempotencyKey,
  LifeCycleCommandType,
  Replay,
  UserCommand,
  UserReply,
  Verification,
} from "../verification/user/commands.ts";
import { exists } from "../verification/user/state.ts";
import type { Call } from "./call.ts";
import { ORGANIZATION_HEADER } from "./chain.ts";
import { clientOf } from "./code-client.ts";
import { idempotencyKeyOf, markReplayed } from "./idempotency.ts";
import type { SendLimitWatch } from "./send-limit-watch.ts";
import type { UnaryService } from "./service-table.ts";
import { allowsSuppressed } from "./suppressed-header.ts";
import {
  codeVerificationOf,
  emailChangeOf,
  partialProfileOf,
  verificationOf,
  wholeProfileOf,
} from "./user-requests.ts";
import { detailsOf, wireDetails, wireUser } from "./user-replies.ts";
import { userQueryOf } from "./user-search.ts";

export interface UserServiceOptions {
  readonly store: Store;
  readonly environments: EnvironmentFactory;
  /** Told of calls over the limits on sending. Default: nobody is. */
  readonly sendLimitWatch?: SendLimitWatch;
}

/** What the caller of a command that may issue a code is told. */
interface CodeAnswer {
  readonly userId: string;
  readonly reply: UserReply;
  readonly code: string | undefined;
}

export function createUserService(options: UserServiceOptions): UnaryService<typeof UserService> {
  const { store, environments, sendLimitWatch } = options;

  async function issueCode(
    command: UserCommand,
    env: Environment,
    call: Call,
    returned?: ReturnedCode,
  ): Promise<UserReply> {
    try {
      const reply: UserReply = await store.execute(command, env, returned);
      if (reply.overLimit !== undefined) sendLimitWatch?.passed(reply.overLimit, command.userId, call);
      return reply;
    } catch (error) {
      sendLimitWatch?.failed(error);
      throw error;
    }
  }

  /**
   * Runs a command that may issue a code; the code is in the answer only when the caller asked for it.
   *
   * @param key for a call that may be sent again
   */
  async function executeWithCode(
    command: UserCommand,
    call: Call,
    key?: IdempotencyKey,
  ): Promise<CodeAnswer> {
    const verification = verificationIn(command)?.kind;
    const mail =
      verification === "send" ? { acceptLanguage: call.headers.get("accept-language") ?? "" } : null;
    const { env: withCode, code } = environments.withNewCode(call.caller, command.userId, mail, call);
    const env = changesAddress(command)
      ? environments.withNotice(withCode, call.headers.get("accept-language") ?? "")
      : withCode;
    const asked = allowsSuppressed(call) ? { ...env, allowsSuppressed: true } : env;
    if (key === undefined) {
      const reply = await issueCode(command, asked, call);
      return { userId: command.userId, reply, code: reply.returnsCode ? code : undefined };
    }
    const returned = verification === "return" ? environments.returnedCode(code) : undefined;
    const reply = await issueCode({ ...command, idempotency: key }, asked, call, returned);
    if (reply.replay !== undefined) return repeat(reply, reply.replay, key, call);
    return { userId: command.userId, reply, code: reply.returnsCode ? code : undefined };
  }

  /** The answer of an earlier call once more; the code that was drawn for this one is forgotten. */
  function repeat(
    reply: UserReply,
    { userId, sealedCode }: Replay,
    { scope }: IdempotencyKey,
    call: Call,
  ): CodeAnswer {
    const code = sealedCode === undefined ? undefined : environments.openCode(sealedCode, scope);
    if (reply.returnsCode && code === undefined) throw refusal("IDEMPOTENCY_CODE_LOST");
    markReplayed(call);
    return { userId, reply, code };
  }

  async function runEmailCall(command: UserCommand, request: Message, call: Call) {
    const { reply, code } = await executeWithCode(command, call, idempotencyKeyOf(call, request));
    return { details: wireDetails(reply.details), ...(code !== undefined && { verificationCode: code }) };
  }

  async function runLifeCycle(type: LifeCycleCommandType, userId: string, call: Call) {
    const reply = await store.execute({ type, userId }, environments.plain(call.caller, call));
    return { details: wireDetails(reply.details) };
  }

  return {
    setEmail(request, call) {
      const { userId, email, verification } = request;
      return runEmailCall(
        { type: "email.set", userId, address: email, verification: verificationOf(verification) },
        request,
        call,
      );
    },

    sendEmailCode(request, call) {
      const verification = codeVerificationOf(request.verification);
      return runEmailCall({ type: "email.sendCode", userId: request.userId, verification }, request, call);
    },

    resendEmailCode(request, call) {
      const verification = codeVerificationOf(request.verification);
      return runEmailCall({ type: "email.resendCode", userId: request.userId, verification }, request, call);
    },

    async verifyEmail({ userId, verificationCode }, call) {
      const candidates = environments.candidateMacs(userId, verificationCode);
      const command: UserCommand = { type: "email.verify", userId, candidates, client: clientOf(call) };
      const reply = await store.execute(command, environments.plain(call.caller, call));
      return { details: wireDetails(reply.details) };
    },

    async addHumanUser(request, call) {
      const { organization, username } = request;
      const organizationId =
        (organization?.org.case === "orgId" && organization.org.value) || callersOrganization(call);
      const { userId, reply, code } = await executeWithCode(
        {
          type: "user.add",
          userId: request.userId ?? environments.newId(),
          organizationId,
          ...(username !== undefined && { username }),
          profile: wholeProfileOf(present(request.profile)),
          email: emailChangeOf(present(request.email)),
        },
        call,
        idempotencyKeyOf(call, request, organizationId),
      );
      return { userId, details: wireDetails(reply.details), ...(code !== undefined && { emailCode: code }) };
    },

    async createUser(request, call) {
      const { organizationId, username, userType } = request;
      if (userType.case !== "human") throw new FailureError(failure("FIELD_NOT_SERVED"));
      const { userId, reply, code } = await executeWithCode(
        {
          type: "user.add",
          userId: request.userId ?? environments.newId(),
          organizationId,
          ...(username !== undefined && { username }),
          profile: wholeProfileOf(present(userType.value.profile)),
          email: emailChangeOf(present(userType.value.email)),
        },
        call,
        idempotencyKeyOf(call, request, organizationId),
      );
      return {
        id: userId,
        creationDate: timestampFromMs(reply.details.changedAtMs),
        ...(code !== undefined && { emailCode: code }),
      };
    },

    async updateHumanUser(request, call) {
      const { userId, username, profile, email } = request;
      const { reply, code } = await executeWithCode(
        {
          type: "user.update",
          userId,
          ...(username !== undefined && { username }),
          ...(profile !== undefined && { profile: wholeProfileOf(profile) }),
          ...(email !== undefined && { email: emailChangeOf(email) }),
        },
        call,
      );
      return { details: wireDetails(reply.details), ...(code !== undefined && { emailCode: code }) };
    },

    async updateUser(request, call) {
      const { userId, username, userType } = request;
      const human = userType.case === "human" ? userType.value : undefined;
      const { reply, code } = await executeWithCode(
        {
          type: "user.update",
          userId,
          ...(username !== undefined && { username }),
          ...(human?.profile !== undefined && { profile: partialProfileOf(human.profile) }),
          ...(human?.email !== undefined && { email: emailChangeOf(human.email) }),
        },
        call,
      );
      return {
        changeDate: timestampFromMs(reply.details.changedAtMs),
        ...(code !== undefined && { emailCode: code }),
      };
    },

    async getUserByID({ userId }, call) {
      const state = await store.findUser(userId);
      if (state === undefined || !exists(state)) throw refusal("QUERY_USER_NOT_FOUND");
      const target = { organizationId: state.organizationId, userId };
      const denied = checkPermission(call.caller, "user.read", target, "allowed");
      if (denied !== undefined) throw new FailureError(denied);
      return { details: wireDetails(detailsOf(state)), user: wireUser(userId, state) };
    },

    async listUsers(request, call) {
      const page = await store.listUsers(userQueryOf(request, visibleTo(call.caller)));
      return {
        details: {
          totalResult: BigInt(page.total),
          processedSequence: BigInt(page.position),
          timestamp: timestampFromMs(environments.nowMs()),
        },
        sortingColumn: request.sortingColumn,
        result: page.users.map(({ userId, state }) => wireUser(userId, state)),
      };
    },

    deactivateUser: ({ userId }, call) => runLifeCycle("user.deactivate", userId, call),
    reactivateUser: ({ userId }, call) => runLifeCycle("user.reactivate", userId, call),
    lockUser: ({ userId }, call) => runLifeCycle("user.lock", userId, call),
    unlockUser: ({ userId }, call) => runLifeCycle("user.unlock", userId, call),
    deleteUser: ({ userId }, call) => runLifeCycle("user.delete", userId, call),
  };
}

function verificationIn(command: UserCommand): Verification | undefined {
  if ("verification" in command) return command.verification;
  return "email" in command ? command.email?.verification : undefined;
}

function changesAddress(command: UserCommand): boolean {
  return command.type === "email.set" || (command.type === "user.update" && command.email !== undefined);
}

/** Where a new user belongs when the request does not say. */
function callersOrganization({ caller, headers }: Call): string {
  const header = headers.get(ORGANIZATION_HEADER);
  if (header !== null && header !== "") return header;
  return caller.kind === "principal" ? caller.organizationId : "";
}

/** Lists show what the caller may read: everything, some organizations, or itself. */
function visibleTo(caller: Caller): UserFilter {
  if (caller.kind !== "principal") return { kind: "nothing" };
  const reading = caller.grants.filter((grant) => grant.permissions.includes("user.read"));
  if (reading.some((grant) => grant.organizationId === undefined)) return { kind: "all" };
  const organizationIds = reading.flatMap((grant) => grant.organizationId ?? []);
  return {
    kind: "or",
    filters: [
      { kind: "ids", ids: [caller.userId] },
      { kind: "organizations", organizationIds },
    ],
  };
}

/** For fields that the request rules require: they were checked before the handler ran. */
function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new TypeError("a required field is missing after validation");
  return value;
}

function refusal(name: FailureName): FailureError {
  return new FailureError(failure(name));
}
