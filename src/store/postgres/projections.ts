/** Tables derived from aggregates for what is looked up by something else than the aggregate's id. */
import type { AccessTokenState } from "../../verification/access-token.ts";
import type { AggregateId } from "../../verification/aggregates.ts";
import type { AggregateHead } from "../../verification/decider.ts";
import type { UserState } from "../../verification/user/state.ts";
import { userRowChange, type UserRow } from "../user-row.ts";
import type { Transaction } from "./database.ts";
import { byText } from "./order.ts";
import type { Statement } from "./session.ts";

const FOLDED = ["username", "givenName", "familyName", "nickName", "displayName", "email"] as const;

const SAVE_USERS: Statement = {
  name: "save_users",
  text: `INSERT INTO users (id, organization_id, status, username, given_name, family_name, nick_name, display_name, email,
      username_folded, given_name_folded, family_name_folded, nick_name_folded, display_name_folded, email_folded,
      created_at_ms)
    SELECT id, "organizationId", status, username, "givenName", "familyName", "nickName", "displayName", email,
      "usernameFolded", "givenNameFolded", "familyNameFolded", "nickNameFolded", "displayNameFolded", "emailFolded",
      "createdAtMs"
    FROM json_to_recordset($1) AS r (id TEXT, "organizationId" TEXT, status TEXT, username TEXT, "givenName" TEXT,
      "familyName" TEXT, "nickName" TEXT, "displayName" TEXT, email TEXT, "usernameFolded" TEXT, "givenNameFolded" TEXT,
      "familyNameFolded" TEXT, "nickNameFolded" TEXT, "displayNameFolded" TEXT, "emailFolded" TEXT,
      "createdAtMs" BIGINT)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status, username = excluded.username,
      given_name = excluded.given_name, family_name = excluded.family_name, nick_name = excluded.nick_name,
      display_name = excluded.display_name, email = excluded.email, username_folded = excluded.username_folded,
      given_name_folded = excluded.given_name_folded, family_name_folded = excluded.family_name_folded,
      nick_name_folded = excluded.nick_name_folded, display_name_folded = excluded.display_name_folded,
      email_folded = excluded.email_folded`,
};
const DELETE_USERS: Statement = { name: "delete_users", text: "DELETE FROM users WHERE id = ANY($1)" };
const DELETE_TOKENS: Statement = {
  name: "delete_tokens",
  text: "DELETE FROM access_tokens WHERE token_id = ANY($1)",
};
const INSERT_TOKENS: Statement = {
  name: "insert_tokens",
  text: `INSERT INTO access_tokens (hash, token_id, service_account_id)
    SELECT hash, "tokenId", "serviceAccountId" FROM json_to_recordset($1)
      AS r (hash TEXT, "tokenId" TEXT, "serviceAccountId" TEXT)`,
};

export interface ChangedAggregate {
  readonly id: AggregateId;
  readonly before: AggregateHead;
  readonly state: AggregateHead;
}

/** Defers what follows from the changes. */
export function writeProjections(transaction: Transaction, changed: readonly ChangedAggregate[]): void {
  const users: UserRow[] = [];
  const gone: string[] = [];
  const tokens: { hash: string; tokenId: string; serviceAccountId: string }[] = [];
  for (const { id, before, state } of changed.toSorted((a, b) => byText(a.id.id, b.id.id))) {
    if (id.type === "user") {
      const change = userRowChange(id.id, before as UserState, state as UserState);
      if (change === "gone") gone.push(id.id);
      else if (change !== undefined) users.push(change);
    } else if (id.type === "access_token") {
      const { hash, serviceAccountId } = state as AccessTokenState;
      tokens.push({ hash, tokenId: id.id, serviceAccountId });
    }
  }
  if (users.length > 0) void transaction.defer(SAVE_USERS, [JSON.stringify(users.map(withFolded))]);
  if (gone.length > 0) void transaction.defer(DELETE_USERS, [gone]);
  if (tokens.length > 0) {
    void transaction.defer(DELETE_TOKENS, [tokens.map(({ tokenId }) => tokenId)]);
    void transaction.defer(INSERT_TOKENS, [JSON.stringify(tokens)]);
  }
}

function withFolded(row: UserRow): object {
  const folded = FOLDED.map((name) => [`${name}Folded`, row[name].toLowerCase()]);
  return { ...row, ...(Object.fromEntries(folded) as object) };
}
