/** countersign.v1.AccessService: who may read accounts and tokens; the domain says who may change them. */
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { RoleGrant as WireRoleGrant } from "../../gen/countersign/v1/access_pb.ts";
import type { AccessService } from "../../gen/countersign/v1/access_service_pb.ts";
import type { TokenUses } from "../access/token-uses.ts";
import { createToken, hashToken } from "../access/token.ts";
import type { EnvironmentFactory } from "../store/environment-factory.ts";
import type { Keyring } from "../store/keyring.ts";
import type { Store } from "../store/store.ts";
import { checkPermission, type Caller } from "../verification/caller.ts";
import { failure, FailureError } from "../verification/failures.ts";
import { isOfOrganization, type RoleGrant } from "../verification/roles.ts";
import {
  accountExists,
  type ServiceAccountCommand,
  type ServiceAccountState,
} from "../verification/service-account.ts";
import { wireAccessToken, wireServiceAccount } from "./access-replies.ts";
import { organizationOf } from "./call-organization.ts";
import type { Call } from "./call.ts";
import { organizationsOf, pageSizeOf } from "./delivery-requests.ts";
import { openPageToken, sealPageToken } from "./page-tokens.ts";
import type { UnaryService } from "./service-table.ts";

export interface AccessServiceOptions {
  readonly store: Store;
  readonly environments: EnvironmentFactory;
  /** Seals page tokens. */
  readonly keyring: Keyring;
  /** Cryptographically secure bytes, which tokens are made of. */
  readonly randomBytes: (count: number) => Uint8Array;
  /** Knows of uses that are not written yet. Default: nobody does. */
  readonly tokenUses?: Pick<TokenUses, "lastUsedMs">;
}

/** A list that takes longer holds up the lists behind it. */
const LIST_TIMEOUT_MS = 5_000;

export function createAccessService(options: AccessServiceOptions): UnaryService<typeof AccessService> {
  const { store, environments, keyring, randomBytes, tokenUses } = options;

  /** @throws FailureError SERVICE_ACCOUNT_NOT_FOUND */
  async function find(serviceAccountId: string): Promise<ServiceAccountState> {
    const state = await store.findServiceAccount(serviceAccountId);
    if (state !== undefined && accountExists(state)) return state;
    throw new FailureError(failure("SERVICE_ACCOUNT_NOT_FOUND"));
  }

  async function run(command: ServiceAccountCommand, call: Call) {
    await store.execute(command, environments.plain(call.caller, call));
    const { serviceAccountId } = command;
    return { serviceAccount: wireServiceAccount(serviceAccountId, await find(serviceAccountId)) };
  }

  /**
   * Those that a list is of: the one that is named, else all that the caller may read, undefined for no bounds.
   *
   * @param ofItself whether the list is of nothing but what is the caller's own
   */
  function askedOrganizations(
    named: string,
    caller: Caller,
    ofItself: boolean,
  ): readonly string[] | undefined {
    if (ofItself) return named === "" ? undefined : [named];
    if (named === "") return readable(caller);
    requireRead(caller, named);
    return [named];
  }

  return {
    async createServiceAccount({ serviceAccountId, organizationId: named, username, roles }, call) {
      const organizationId = await organizationOf(store, named, call);
      return run(
        {
          type: "serviceAccount.add",
          serviceAccountId: serviceAccountId || environments.newId(),
          organizationId,
          username,
          roles: rolesOf(roles, organizationId),
        },
        call,
      );
    },

    async getServiceAccount({ serviceAccountId }, { caller }) {
      const state = await find(serviceAccountId);
      requireRead(caller, state.organizationId, serviceAccountId);
      return { serviceAccount: wireServiceAccount(serviceAccountId, state) };
    },

    async listServiceAccounts(request, { caller }) {
      const organizationIds = askedOrganizations(request.organizationId, caller, false);
      const filter = {
        ...(organizationIds !== undefined && { organizationIds }),
        ...(request.username !== "" && { username: request.username }),
      };
      const question = ["service accounts", filter];
      const page = await store.listServiceAccounts({ ...filter, ...pageOf(request, question) });
      return {
        serviceAccounts: page.serviceAccounts.map((each) =>
          wireServiceAccount(each.serviceAccountId, each.state),
        ),
        nextPageToken: nextToken(question, page.next),
      };
    },

    async setServiceAccountRoles({ serviceAccountId, roles, force }, call) {
      const { organizationId } = await find(serviceAccountId);
      return run(
        { type: "serviceAccount.setRoles", serviceAccountId, roles: rolesOf(roles, organizationId), force },
        call,
      );
    },

    deactivateServiceAccount: ({ serviceAccountId, force }, call) =>
      run({ type: "serviceAccount.deactivate", serviceAccountId, force }, call),

    reactivateServiceAccount: ({ serviceAccountId }, call) =>
      run({ type: "serviceAccount.reactivate", serviceAccountId }, call),

    async deleteServiceAccount({ serviceAccountId, force }, call) {
      const env = environments.plain(call.caller, call);
      await store.execute({ type: "serviceAccount.remove", serviceAccountId, force }, env);
      return {};
    },

    async createAccessToken({ serviceAccountId, expireTime }, call) {
      const { organizationId } = await find(serviceAccountId);
      const token = createToken(randomBytes);
      const tokenId = environments.newId();
      const expiresAtMs = expireTime === undefined ? null : timestampMs(expireTime);
      const env = environments.plain(call.caller, call);
      const hash = hashToken(token);
      await store.execute({ type: "accessToken.add", tokenId, serviceAccountId, hash, expiresAtMs }, env);
      const added = {
        tokenId,
        serviceAccountId,
        organizationId,
        addedAtMs: env.nowMs,
        expiresAtMs,
        revokedAtMs: null,
        lastUsedAtMs: null,
      };
      return { token, accessToken: wireAccessToken(added) };
    },

    async listAccessTokens(request, { caller }) {
      const { serviceAccountId, organizationId } = request;
      const ofItself = caller.kind === "principal" && serviceAccountId === caller.userId;
      const organizationIds = askedOrganizations(organizationId, caller, ofItself);
      const filter = {
        ...(organizationIds !== undefined && { organizationIds }),
        ...(serviceAccountId !== "" && { serviceAccountId }),
      };
      const question = ["access tokens", filter];
      const page = await store.listAccessTokens({ ...filter, ...pageOf(request, question) });
      return {
        tokens: page.tokens.map((token) => wireAccessToken(token, tokenUses?.lastUsedMs(token.tokenId))),
        nextPageToken: nextToken(question, page.next),
      };
    },

    async revokeAccessToken({ tokenId }, call) {
      const env = environments.plain(call.caller, call);
      await store.execute({ type: "accessToken.revoke", tokenId }, env);
      return {};
    },
  };

  /** @throws FailureError REQUEST_INVALID */
  function pageOf(request: { readonly pageSize: number; readonly pageToken: string }, question: unknown) {
    const { pageToken } = request;
    return {
      limit: pageSizeOf(request),
      timeoutMs: LIST_TIMEOUT_MS,
      ...(pageToken !== "" && { after: openPageToken(keyring, question, pageToken) as string }),
    };
  }

  function nextToken(question: unknown, next: string | undefined): string {
    return next === undefined ? "" : sealPageToken(keyring, question, next);
  }
}

/** @throws FailureError for a caller that may not read accounts of the organization, nor is the account itself */
function requireRead(caller: Caller, organizationId: string, serviceAccountId?: string): void {
  const target = { organizationId, ...(serviceAccountId !== undefined && { userId: serviceAccountId }) };
  const denied = checkPermission(caller, "user.read", target, "allowed");
  if (denied !== undefined) throw new FailureError(denied);
}

/**
 * Organizations whose accounts the caller may read; undefined for all of them.
 *
 * @throws FailureError for a caller that may read none, who had better know
 */
function readable(caller: Caller): readonly string[] | undefined {
  const organizationIds = organizationsOf(caller, "user.read");
  if (organizationIds?.length === 0) requireRead(caller, "");
  return organizationIds;
}

/** @param own the account's organization, for roles that name none */
function rolesOf(roles: readonly WireRoleGrant[], own: string): readonly RoleGrant[] {
  return roles.map(({ role, organizationId: named }) => {
    const organizationId = named || (isOfOrganization(role) ? own : "");
    return { role, ...(organizationId !== "" && { organizationId }) };
  });
}
