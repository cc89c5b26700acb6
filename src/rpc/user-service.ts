/** zitadel.user.v2.UserService: each method turns a message into a command or a query, and the answer into a message. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import type { EnvironmentFactory } from "../store/environment-factory.ts";
import type { Store } from "../store/store.ts";
import type { UserFilter } from "../store/user-query.ts";
import { checkPermission, type Caller } from "../verification/caller.ts";
import { failure, FailureError, type FailureName } from "../verification/failures.ts";
import type {
  LifeCycleCommandType,
  UserCommand,
  UserReply,
  Verification,
} from "../verification/user/commands.ts";
import { exists } from "../verification/user/state.ts";
import type { Call } from "./call.ts";
import { ORGANIZATION_HEADER } from "./chain.ts";
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
}

export function createUserService(options: UserServiceOptions): UnaryService<typeof UserService> {
  const { store, environments } = options;

  /** Runs a command that may issue a code; the code is in the answer only when the caller asked for it. */
  async function executeWithCode(
    command: UserCommand & { readonly userId: string },
    call: Call,
  ): Promise<{ readonly reply: UserReply; readonly code: string | undefined }> {
    const isMailed = verificationIn(command)?.kind === "send";
    const mail = isMailed ? { acceptLanguage: call.headers.get("accept-language") ?? "" } : null;
    const { env, code } = environments.withNewCode(call.caller, command.userId, mail);
    const asked = allowsSuppressed(call) ? { ...env, allowsSuppressed: true } : env;
    const reply: UserReply = await store.execute(command, asked);
    return { reply, code: reply.returnsCode ? code : undefined };
  }

  async function runEmailCall(command: UserCommand & { readonly userId: string }, call: Call) {
    const { reply, code } = await executeWithCode(command, call);
    return { details: wireDetails(reply.details), ...(code !== undefined && { verificationCode: code }) };
  }

  async function runLifeCycle(type: LifeCycleCommandType, userId: string, call: Call) {
    const reply = await store.execute({ type, userId }, environments.plain(call.caller));
    return { details: wireDetails(reply.details) };
  }

  return {
    setEmail: ({ userId, email, verification }, call) =>
      runEmailCall(
        { type: "email.set", userId, address: email, verification: verificationOf(verification) },
        call,
      ),

    sendEmailCode: ({ userId, verification }, call) =>
      runEmailCall({ type: "email.sendCode", userId, verification: codeVerificationOf(verification) }, call),

    resendEmailCode: ({ userId, verification }, call) =>
      runEmailCall(
        { type: "email.resendCode", userId, verification: codeVerificationOf(verification) },
        call,
      ),

    async verifyEmail({ userId, verificationCode }, call) {
      const candidates = environments.candidateMacs(userId, verificationCode);
      const command: UserCommand = { type: "email.verify", userId, candidates, client: clientOf(call) };
      const reply = await store.execute(command, environments.plain(call.caller));
      return { details: wireDetails(reply.details) };
    },

    async addHumanUser(request, call) {
      const { organization, userId = environments.newId(), username } = request;
      const organizationId =
        (organization?.org.case === "orgId" && organization.org.value) || callersOrganization(call);
      const { reply, code } = await executeWithCode(
        {
          type: "user.add",
          userId,
          organizationId,
          ...(username !== undefined && { username }),
          profile: wholeProfileOf(present(request.profile)),
          email: emailChangeOf(present(request.email)),
        },
        call,
      );
      return { userId, details: wireDetails(reply.details), ...(code !== undefined && { emailCode: code }) };
    },

    async createUser(request, call) {
      const { organizationId, userId = environments.newId(), username, userType } = request;
      if (userType.case !== "human") throw new FailureError(failure("FIELD_NOT_SERVED"));
      const { reply, code } = await executeWithCode(
        {
          type: "user.add",
          userId,
          organizationId,
          ...(username !== undefined && { username }),
          profile: wholeProfileOf(present(userType.value.profile)),
          email: emailChangeOf(present(userType.value.email)),
        },
        call,
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

/** Whose wrong tries are counted together. */
function clientOf({ caller, peerAddress }: Call): string {
  return caller.kind === "principal" ? `principal:${caller.userId}` : `address:${peerAddress}`;
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
