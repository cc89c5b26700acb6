/**
 * A personal access token of a service account. Only the SHA-256 of the token is kept.
 *
 * A token is added for an account, may expire by itself, and is over once it is revoked: nothing brings it back. The
 * token of the first start is the exception that `accessToken.set` is for: the operator may have another one put in its
 * place. Set again with the same hash it stays as it is, a revoked one revoked; with another hash it replaces the old one,
 * which is refused from then on.
 *
 * Whoever has an account's token is the account. So adding one takes, beside `user.write`, all that the account holds; and
 * it ends no later than the token that it is asked for with, or whoever found that one would have access without end.
 */
import { checkPermission, type Caller } from "./caller.ts";
import {
  accept,
  advance,
  refuse,
  UNKNOWN_HEAD,
  type AggregateHead,
  type Decider,
  type Decision,
  type Facts,
} from "./decider.ts";
import type { Environment } from "./environment.ts";
import { failure, type Failure } from "./failures.ts";
import { accountExists, checkManaging } from "./service-account.ts";

export interface AccessTokenState extends AggregateHead {
  readonly serviceAccountId: string;
  /** SHA-256 of the token, base64url. */
  readonly hash: string;
  /** When the token with this hash was added; milliseconds since the Unix epoch, as are the others. */
  readonly addedAtMs: number;
  /** The token works before this time. Null: it does not expire. */
  readonly expiresAtMs: number | null;
  /** Null while it is not revoked. */
  readonly revokedAtMs: number | null;
}

export type AccessTokenCommand =
  /** The token of the first start. */
  | {
      readonly type: "accessToken.set";
      readonly tokenId: string;
      readonly organizationId: string;
      readonly serviceAccountId: string;
      readonly hash: string;
    }
  | {
      readonly type: "accessToken.add";
      readonly tokenId: string;
      readonly serviceAccountId: string;
      readonly hash: string;
      readonly expiresAtMs: number | null;
    }
  | {
      readonly type: "accessToken.revoke";
      readonly tokenId: string;
    };

export type AccessTokenEvent =
  | {
      readonly type: "user.pat.added";
      readonly payload: {
        readonly serviceAccountId: string;
        readonly hash: string;
        /** Absent for a token that does not expire. */
        readonly expiresAtMs?: number;
      };
    }
  | { readonly type: "user.pat.removed"; readonly payload: Readonly<Record<string, never>> };

type AccessTokenDecision = Decision<AccessTokenEvent, null>;
type Of<Type extends AccessTokenCommand["type"]> = Extract<AccessTokenCommand, { type: Type }>;

/** The end of the year 9999, the last one that RFC 3339 can write. */
const MAX_TIME_MS = 253_402_300_799_999;

export const accessTokenDecider: Decider<AccessTokenState, AccessTokenCommand, AccessTokenEvent, null> = {
  initial: {
    ...UNKNOWN_HEAD,
    serviceAccountId: "",
    hash: "",
    addedAtMs: 0,
    expiresAtMs: null,
    revokedAtMs: null,
  },
  evolve: (state, event, place) => ({
    ...state,
    ...change(event, place.createdAtMs),
    ...advance(state, place),
  }),
  needs(state, command) {
    if (command.type === "accessToken.set") return [];
    const serviceAccountId =
      command.type === "accessToken.add" ? command.serviceAccountId : state.serviceAccountId;
    return [{ kind: "serviceAccount", serviceAccountId }];
  },
  decide(state, facts, command, env) {
    switch (command.type) {
      case "accessToken.set":
        return decideSet(state, command, env);
      case "accessToken.add":
        return decideAdd(state, facts, command, env);
      case "accessToken.revoke":
        return decideRevoke(state, facts, env);
    }
  },
};

function change(event: AccessTokenEvent, atMs: number): Partial<AccessTokenState> {
  if (event.type === "user.pat.removed") return { revokedAtMs: atMs };
  const { serviceAccountId, hash, expiresAtMs = null } = event.payload;
  return {
    serviceAccountId,
    hash,
    addedAtMs: atMs,
    expiresAtMs,
    revokedAtMs: null,
  };
}

function decideSet(
  state: AccessTokenState,
  { serviceAccountId, hash, organizationId }: Of<"accessToken.set">,
  { caller }: Environment,
): AccessTokenDecision {
  if (caller.kind !== "system") return refuse(failure("PERMISSION_DENIED"));
  if (state.hash === hash && state.serviceAccountId === serviceAccountId) return accept(null);
  return accept(null, {
    events: [{ type: "user.pat.added", payload: { serviceAccountId, hash } }],
    organizationId,
  });
}

function decideAdd(
  state: AccessTokenState,
  facts: Facts,
  { tokenId, serviceAccountId, hash, expiresAtMs }: Of<"accessToken.add">,
  { caller, nowMs }: Environment,
): AccessTokenDecision {
  const account = facts.serviceAccount(serviceAccountId);
  if (account === undefined || !accountExists(account)) return refuse(failure("SERVICE_ACCOUNT_NOT_FOUND"));
  const denied = checkManaging(caller, "user.write", account);
  if (denied !== undefined) return refuse(denied);
  if (account.status !== "active") return refuse(failure("SERVICE_ACCOUNT_NOT_ACTIVE"));
  if (expiresAtMs !== null && !(expiresAtMs > nowMs && expiresAtMs <= MAX_TIME_MS)) {
    const fields = [
      { field: "expire_time", description: "takes a time in the future, before the year 10000" },
    ];
    return refuse(failure("ACCESS_TOKEN_EXPIRY_INVALID", { fields }));
  }
  const outlives = checkOutliving(caller, expiresAtMs, nowMs);
  if (outlives !== undefined) return refuse(outlives);
  if (state.sequence > 0)
    throw new TypeError(`the token id ${tokenId} is taken: ids of tokens are made here`);
  const end = expiresAtMs === null ? {} : { expiresAtMs };
  return accept(null, {
    events: [{ type: "user.pat.added", payload: { serviceAccountId, hash, ...end } }],
    organizationId: account.organizationId,
  });
}

function checkOutliving(caller: Caller, expiresAtMs: number | null, nowMs: number): Failure | undefined {
  const endMs = caller.kind === "principal" ? caller.credentialExpiresAtMs : undefined;
  // A JWT may name a time beyond all that tokens here can have: then it does not end.
  if (endMs === undefined || endMs > MAX_TIME_MS) return undefined;
  if (expiresAtMs !== null && expiresAtMs <= endMs) return undefined;
  const leftSeconds = Math.max(Math.floor((endMs - nowMs) / 1_000), 0);
  const text = `The token would outlive the one that the call was made with, which ends in ${leftSeconds} s`;
  return failure("ACCESS_TOKEN_OUTLIVES_CALLER", { text });
}

/**
 * Accounts may end their own tokens, which is what to do with one that others have seen. Ids of tokens can be guessed, so
 * a token of an account that the caller may not read is as if it were not there.
 */
function decideRevoke(state: AccessTokenState, facts: Facts, { caller }: Environment): AccessTokenDecision {
  const account = facts.serviceAccount(state.serviceAccountId);
  if (state.sequence === 0 || account === undefined || !accountExists(account)) {
    return refuse(failure("ACCESS_TOKEN_NOT_FOUND"));
  }
  const { serviceAccountId } = state;
  const isOwn = caller.kind === "principal" && caller.userId === serviceAccountId;
  const target = { organizationId: account.organizationId, userId: serviceAccountId };
  if (checkPermission(caller, "user.read", target, "allowed") !== undefined) {
    return refuse(failure("ACCESS_TOKEN_NOT_FOUND"));
  }
  const denied = isOwn ? undefined : checkManaging(caller, "user.write", account);
  if (denied !== undefined) return refuse(denied);
  if (state.revokedAtMs !== null) return accept(null);
  return accept(null, { events: [{ type: "user.pat.removed", payload: {} }] });
}
