/** Tables derived from aggregates for what is looked up by something else than the aggregate's id. */
import type { Database, Statement } from "better-sqlite3";
import type { AccessTokenState } from "../../verification/access-token.ts";
import type { AggregateId } from "../../verification/aggregates.ts";
import type { AggregateHead } from "../../verification/decider.ts";
import { exists, type UserState } from "../../verification/user/state.ts";

export class Projections {
  readonly #upsertUser: Statement;
  readonly #deleteUser: Statement;
  readonly #deleteToken: Statement;
  readonly #insertToken: Statement;

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
    this.#deleteToken = database.prepare("DELETE FROM access_tokens WHERE token_id = ?");
    this.#insertToken = database.prepare(
      "INSERT INTO access_tokens (hash, token_id, service_account_id) VALUES (?, ?, ?)",
    );
  }

  apply(aggregate: AggregateId, before: AggregateHead, after: AggregateHead): void {
    if (aggregate.type === "user") this.#applyUser(aggregate.id, before as UserState, after as UserState);
    if (aggregate.type === "access_token") this.#applyToken(aggregate.id, after as AccessTokenState);
  }

  /** Most events (codes, tries, sent mails) change nothing that lists search; then the row stays as it is. */
  #applyUser(id: string, before: UserState, after: UserState): void {
    if (!exists(after)) {
      this.#deleteUser.run(id);
      return;
    }
    const unchanged =
      before.sequence > 0 &&
      before.status === after.status &&
      before.username === after.username &&
      before.email.address === after.email.address &&
      JSON.stringify(before.profile) === JSON.stringify(after.profile);
    if (unchanged) return;
    const { organizationId, status, username, profile, email, createdAtMs } = after;
    const { givenName, familyName, nickName, displayName } = profile;
    this.#upsertUser.run({
      id,
      organizationId,
      status,
      username,
      givenName,
      familyName,
      nickName,
      displayName,
      email: email.address,
      createdAtMs,
    });
  }

  #applyToken(tokenId: string, token: AccessTokenState): void {
    this.#deleteToken.run(tokenId);
    this.#insertToken.run(token.hash, tokenId, token.serviceAccountId);
  }
}
