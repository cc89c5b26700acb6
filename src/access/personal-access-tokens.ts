/**
 * From a personal access token to the caller.
 *
 * Everything is looked up for each call: a token that was revoked, and an account that was deactivated, removed or given
 * other roles, is so from the next call on. What a lookup costs is two reads by key.
 */
import { timingSafeEqual } from "node:crypto";
import type { Store } from "../store/store.ts";
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

export class PersonalAccessTokens {
  readonly #store: PersonalAccessTokensOptions["store"];
  readonly #nowMs: () => number;
  readonly #uses: PersonalAccessTokensOptions["uses"];

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
  async findCallerByHash(hash: string): Promise<Extract<Caller, { kind: "principal" }> | undefined> {
    const record = await this.#store.findAccessToken(hash);
    if (record === undefined || !timingSafeEqual(Buffer.from(record.hash), Buffer.from(hash)))
      return undefined;
    const { tokenId, expiresAtMs, revokedAtMs, serviceAccountId, serviceAccount } = record;
    const nowMs = this.#nowMs();
    const isOver = revokedAtMs !== null || (expiresAtMs !== null && expiresAtMs <= nowMs);
    if (isOver || serviceAccount.status !== "active") return undefined;
    this.#uses?.note(tokenId, nowMs);
    return {
      kind: "principal",
      userId: serviceAccountId,
      organizationId: serviceAccount.organizationId,
      grants: grantsOf(serviceAccount.roles),
    };
  }
}
