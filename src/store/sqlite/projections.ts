/** Tables derived from aggregates for what is looked up by something else than the aggregate's id. */
import type { Database, Statement } from "better-sqlite3";
import type { AccessTokenState } from "../../verification/access-token.ts";
import type { AggregateId } from "../../verification/aggregates.ts";
import type { AggregateHead } from "../../verification/decider.ts";
import { accountExists, type ServiceAccountState } from "../../verification/service-account.ts";
import type { UserState } from "../../verification/user/state.ts";
import { userRowChange } from "../user-row.ts";

export class Projections {
  readonly #upsertUser: Statement;
  readonly #deleteUser: Statement;
  readonly #updateToken: Statement;
  readonly #deleteToken: Statement;
  readonly #insertToken: Statement;
  readonly #deleteTokensOf: Statement;

  constructor(database: Database) {
    this.#upsertUser = database.prepare(
      `INSERT INTO users (id, organization_id, status, username, given_name, family_name, nick_name, display_name, email,
         created_at_ms)
       VALUES (@id, @organizationId, @status, @username, @givenName, @familyName, @nickName, @displayName, @email,
         @createdAtMs)
       ON CONFLICT (id) DO UPDATE SET status = @status, username = @username, given_name = @givenName,
         family_name = @familyName, nick_name = @nickName, display_name = @displayName, email = @email`,
    );
    this.#deleteUser = database.prepare("DELETE FROM users WHERE id = ?");
    this.#updateToken = database.prepare(
      "UPDATE access_tokens SET revoked_at_ms = @revokedAtMs WHERE token_id = @tokenId AND hash = @hash",
    );
    this.#deleteToken = database.prepare("DELETE FROM access_tokens WHERE token_id = ?");
    this.#insertToken = database.prepare(
      `INSERT INTO access_tokens (hash, token_id, service_account_id, organization_id, added_at_ms, expires_at_ms,
         revoked_at_ms)
       VALUES (@hash, @tokenId, @serviceAccountId, @organizationId, @addedAtMs, @expiresAtMs, @revokedAtMs)`,
    );
    this.#deleteTokensOf = database.prepare("DELETE FROM access_tokens WHERE service_account_id = ?");
  }

  apply(aggregate: AggregateId, before: AggregateHead, after: AggregateHead): void {
    if (aggregate.type === "user") this.#applyUser(aggregate.id, before as UserState, after as UserState);
    if (aggregate.type === "access_token") this.#applyToken(aggregate.id, after as AccessTokenState);
    if (aggregate.type === "service_account" && !accountExists(after as ServiceAccountState)) {
      this.#deleteTokensOf.run(aggregate.id);
    }
  }

  #applyUser(id: string, before: UserState, after: UserState): void {
    const change = userRowChange(id, before, after);
    if (change === "gone") this.#deleteUser.run(id);
    else if (change !== undefined) this.#upsertUser.run(change);
  }

  #applyToken(tokenId: string, token: AccessTokenState): void {
    const { hash, serviceAccountId, organizationId, addedAtMs, expiresAtMs, revokedAtMs } = token;
    // What a token has been used for stays with its hash.
    if (this.#updateToken.run({ tokenId, hash, revokedAtMs }).changes > 0) return;
    this.#deleteToken.run(tokenId);
    this.#insertToken.run({
      hash,
      tokenId,
      serviceAccountId,
      organizationId,
      addedAtMs,
      expiresAtMs,
      revokedAtMs,
    });
  }
}
