/**
 * From a personal access token to the caller.
 *
 * The store is asked for each call: a token that was revoked, and an account that was deactivated, removed or given other
 * roles, is so from the next call on.
 */
import { timingSafeEqual } from "node:crypto";
import type { AccessTokenRecord, Store } from "../store/store.ts";
import type { Caller } from "../verification/caller.ts";
import { grantsOf } from "./roles.ts";
import { hashToken } from "./token.ts";
import type { TokenUses } from "./token-uses.ts";

export interface PersonalAccessTokensOptions {
  readonly store: Pick<Store, "findAccessToken">;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
  /** Told of every use. Default: nobody is. */
  readonly uses?: Pick<TokenUses, "note">;
}

type Principal = Extract<Caller, { kind: "principal" }>;

export class PersonalAccessTokens {
  readonly #store: PersonalAccessTokensOptions["store"];
  readonly #nowMs: () => number;
  readonly #uses: PersonalAccessTokensOptions["uses"];
  /** Calls with one token have one caller object where the store has one record: it travels to the writer once a batch. */
  readonly #callers = new WeakMap<AccessTokenRecord, Principal>();

  constructor({ store, nowMs, uses }: PersonalAccessTokensOptions) {
    this.#store = store;
    this.#nowMs = nowMs;
    this.#uses = uses;
  }

  /** @returns undefined for a token that is unknown, expired or revoked, or whose account is not active */
  findCaller(token: string): Promise<Caller | undefined> {
    return this.findCallerByHash(hashToken(token));
  }

  /**
   * @param hash of the token, see `hashToken`
   * @returns as `findCaller` does
   */
  async findCallerByHash(hash: string): Promise<Principal | undefined> {
    const record = await this.#store.findAccessToken(hash);
    if (record === undefined || !timingSafeEqual(Buffer.from(record.hash), Buffer.from(hash)))
      return undefined;
    const { tokenId, expiresAtMs, revokedAtMs, serviceAccount } = record;
    const nowMs = this.#nowMs();
    const isOver = revokedAtMs !== null || (expiresAtMs !== null && expiresAtMs <= nowMs);
    if (isOver || serviceAccount.status !== "active") return undefined;
    this.#uses?.note(tokenId, nowMs);
    return this.#callerOf(record);
  }

  #callerOf(record: AccessTokenRecord): Principal {
    let caller = this.#callers.get(record);
    if (caller === undefined) {
      const { serviceAccountId: userId, expiresAtMs, serviceAccount } = record;
      const { organizationId, roles } = serviceAccount;
      caller = {
        kind: "principal",
        userId,
        organizationId,
        grants: grantsOf(roles),
        ...(expiresAtMs !== null && { credentialExpiresAtMs: expiresAtMs }),
      };
      this.#callers.set(record, caller);
    }
    return caller;
  }
}
