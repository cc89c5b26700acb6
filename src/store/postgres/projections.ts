/** Tables derived from aggregates for what is looked up by something else than the aggregate's id. */
import type { AccessTokenState } from "../../verification/access-token.ts";
import type { AggregateId, AggregateType } from "../../verification/aggregates.ts";
import type { AggregateHead } from "../../verification/decider.ts";
import type { OrganizationState } from "../../verification/organization.ts";
import { accountExists, type ServiceAccountState } from "../../verification/service-account.ts";
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
const SAVE_ORGANIZATIONS: Statement = {
  name: "save_organizations",
  text: `INSERT INTO organizations (id, name_folded)
    SELECT id, "nameFolded" FROM json_to_recordset($1) AS r (id TEXT, "nameFolded" TEXT)
    ON CONFLICT (id) DO UPDATE SET name_folded = excluded.name_folded`,
};
const SAVE_ACCOUNTS: Statement = {
  name: "save_service_accounts",
  text: `INSERT INTO service_accounts (id, organization_id, username_folded)
    SELECT id, "organizationId", "usernameFolded" FROM json_to_recordset($1)
      AS r (id TEXT, "organizationId" TEXT, "usernameFolded" TEXT)
    ON CONFLICT (id) DO NOTHING`,
};
const DELETE_ACCOUNTS: Statement = {
  name: "delete_service_accounts",
  text: "DELETE FROM service_accounts WHERE id = ANY($1)",
};
/** What a token has been used for stays with its hash. */
const SAVE_TOKENS: Statement = {
  name: "save_tokens",
  text: `INSERT INTO access_tokens (token_id, hash, service_account_id, organization_id, added_at_ms, expires_at_ms,
      revoked_at_ms)
    SELECT "tokenId", hash, "serviceAccountId", "organizationId", "addedAtMs", "expiresAtMs", "revokedAtMs"
    FROM json_to_recordset($1) AS r ("tokenId" TEXT, hash TEXT, "serviceAccountId" TEXT, "organizationId" TEXT,
      "addedAtMs" BIGINT, "expiresAtMs" BIGINT, "revokedAtMs" BIGINT)
    ON CONFLICT (token_id) DO UPDATE SET hash = excluded.hash, service_account_id = excluded.service_account_id,
      organization_id = excluded.organization_id, added_at_ms = excluded.added_at_ms,
      expires_at_ms = excluded.expires_at_ms, revoked_at_ms = excluded.revoked_at_ms,
      last_used_at_ms = CASE WHEN access_tokens.hash = excluded.hash THEN access_tokens.last_used_at_ms END`,
};
const DELETE_TOKENS_OF: Statement = {
  name: "delete_tokens_of",
  text: "DELETE FROM access_tokens WHERE service_account_id = ANY($1)",
};

export interface ChangedAggregate {
  readonly id: AggregateId;
  readonly before: AggregateHead;
  readonly state: AggregateHead;
}

/** Defers what follows from the changes. */
export function writeProjections(transaction: Transaction, changed: readonly ChangedAggregate[]): void {
  const inOrder = changed.toSorted((a, b) => byText(a.id.id, b.id.id));
  const of = (type: AggregateType) => inOrder.filter(({ id }) => id.type === type);
  writeUsers(transaction, of("user"));
  writeOrganizations(transaction, of("organization"));
  writeTokens(transaction, of("access_token"));
  // After the tokens, so that those of an account that is removed go with it.
  writeAccounts(transaction, of("service_account"));
}

function writeUsers(transaction: Transaction, changed: readonly ChangedAggregate[]): void {
  const saved: UserRow[] = [];
  const gone: string[] = [];
  for (const { id, before, state } of changed) {
    const change = userRowChange(id.id, before as UserState, state as UserState);
    if (change === "gone") gone.push(id.id);
    else if (change !== undefined) saved.push(change);
  }
  save(transaction, SAVE_USERS, saved.map(withFolded));
  if (gone.length > 0) void transaction.defer(DELETE_USERS, [gone]);
}

function writeOrganizations(transaction: Transaction, changed: readonly ChangedAggregate[]): void {
  const rows = changed.map(({ id, state }) => ({
    id: id.id,
    nameFolded: (state as OrganizationState).name.toLowerCase(),
  }));
  save(transaction, SAVE_ORGANIZATIONS, rows);
}

function writeTokens(transaction: Transaction, changed: readonly ChangedAggregate[]): void {
  const rows = changed.map(({ id, state }) => ({ tokenId: id.id, ...(state as AccessTokenState) }));
  save(transaction, SAVE_TOKENS, rows);
}

/** Neither name nor organization of an account ever changes. */
function writeAccounts(transaction: Transaction, changed: readonly ChangedAggregate[]): void {
  const accounts = changed.map(({ id, before, state }) => ({
    id: id.id,
    existed: accountExists(before as ServiceAccountState),
    state: state as ServiceAccountState,
  }));
  const added = accounts.filter(({ existed, state }) => !existed && accountExists(state));
  const rows = added.map(({ id, state: { organizationId, username } }) => ({
    id,
    organizationId,
    usernameFolded: username.toLowerCase(),
  }));
  save(transaction, SAVE_ACCOUNTS, rows);
  const gone = accounts.filter(({ state }) => !accountExists(state)).map(({ id }) => id);
  if (gone.length === 0) return;
  void transaction.defer(DELETE_ACCOUNTS, [gone]);
  void transaction.defer(DELETE_TOKENS_OF, [gone]);
}

function save(transaction: Transaction, statement: Statement, rows: readonly object[]): void {
  if (rows.length > 0) void transaction.defer(statement, [JSON.stringify(rows)]);
}

function withFolded(row: UserRow): object {
  const folded = FOLDED.map((name) => [`${name}Folded`, row[name].toLowerCase()]);
  return { ...row, ...(Object.fromEntries(folded) as object) };
}
