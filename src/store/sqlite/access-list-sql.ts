/**
 * Lists of organizations, service accounts and access tokens as SQL, each read off a key in the order of ids. There are
 * few of them beside users, so other filters look at the rows.
 */
import type { AccessTokenQuery, OrganizationQuery, ServiceAccountQuery } from "../access-query.ts";
import type { Sql } from "./user-list-sql.ts";

/** One row more than asked for, which tells whether there is a further page. Calls `within_deadline()` for every row. */
export function listOrganizationsSql({ organizationIds, name, after, limit }: OrganizationQuery): Sql {
  return select(
    "id, state FROM aggregates",
    [
      sql("type = 'organization'"),
      ...(after === undefined ? [] : [sql("id > ?", after)]),
      ...(organizationIds === undefined ? [] : [anyOf("id", organizationIds)]),
      ...(name === undefined ? [] : [sql("instr(fold(state ->> '$.name'), ?) > 0", name.toLowerCase())]),
    ],
    "id",
    limit,
  );
}

/** Likewise. */
export function listServiceAccountsSql(query: ServiceAccountQuery): Sql {
  const { organizationIds, username, after, limit } = query;
  return select(
    "id, state FROM aggregates",
    [
      sql("type = 'service_account'"),
      ...(after === undefined ? [] : [sql("id > ?", after)]),
      sql("state ->> '$.status' <> 'deleted'"),
      ...(organizationIds === undefined ? [] : [anyOf("(state ->> '$.organizationId')", organizationIds)]),
      ...(username === undefined
        ? []
        : [sql("fold(state ->> '$.username') = ?", username.trim().toLowerCase())]),
    ],
    "id",
    limit,
  );
}

/** Likewise. SQLite is told which index, because it has no statistics to choose by. */
export function listAccessTokensSql(query: AccessTokenQuery): Sql {
  const { organizationIds, serviceAccountId, after, limit } = query;
  const index = serviceAccountId === undefined ? "access_tokens_id" : "access_tokens_account";
  return select(
    `token_id AS tokenId, service_account_id AS serviceAccountId, organization_id AS organizationId,
       added_at_ms AS addedAtMs, expires_at_ms AS expiresAtMs, revoked_at_ms AS revokedAtMs,
       last_used_at_ms AS lastUsedAtMs
     FROM access_tokens INDEXED BY ${index}`,
    [
      ...(serviceAccountId === undefined ? [] : [sql("service_account_id = ?", serviceAccountId)]),
      ...(after === undefined ? [] : [sql("token_id > ?", after)]),
      ...(organizationIds === undefined ? [] : [anyOf("organization_id", organizationIds)]),
    ],
    "token_id",
    limit,
  );
}

function select(what: string, conditions: readonly Sql[], order: string, limit: number): Sql {
  const where = conditions.map(({ text }) => ` AND ${text}`).join("");
  return {
    text: `SELECT ${what} WHERE within_deadline()${where} ORDER BY ${order} LIMIT ?`,
    parameters: [...conditions.flatMap(({ parameters }) => parameters), limit + 1],
  };
}

/** A plus sign keeps SQLite from choosing an index for it. */
function anyOf(column: string, values: readonly string[]): Sql {
  return sql(`+${column} IN (SELECT value FROM json_each(?))`, JSON.stringify(values));
}

function sql(text: string, ...parameters: readonly (string | number)[]): Sql {
  return { text, parameters };
}
