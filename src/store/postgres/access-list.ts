/** Pages of organizations, service accounts and access tokens, each in the order of its ids. */
import type { OrganizationState } from "../../verification/organization.ts";
import type { ServiceAccountState } from "../../verification/service-account.ts";
import type {
  AccessTokenPage,
  AccessTokenQuery,
  ListedAccessToken,
  OrganizationPage,
  OrganizationQuery,
  ServiceAccountPage,
  ServiceAccountQuery,
} from "../access-query.ts";
import { cutPage } from "../page-cut.ts";
import { anyOf, isStorable, sql, type AskSql, type Sql } from "./sql-text.ts";

interface StateRow {
  readonly id: string;
  readonly state: string;
}

export async function listOrganizations(ask: AskSql, query: OrganizationQuery): Promise<OrganizationPage> {
  const { organizationIds, name, limit } = query;
  const rows = await ask<StateRow>(
    select(
      "o.id, a.state FROM organizations o JOIN aggregates a ON a.type = 'organization' AND a.id = o.id",
      "o.id",
      query,
      [
        ...(organizationIds === undefined ? [] : [anyOf("o.id", organizationIds)]),
        ...(name === undefined ? [] : [textSql("strpos(o.name_folded, ?) > 0", name.toLowerCase())]),
      ],
    ),
  );
  const { shown, last } = cutPage(rows, limit);
  return {
    organizations: shown.map(({ id, state }) => ({
      organizationId: id,
      state: JSON.parse(state) as OrganizationState,
    })),
    next: last?.id,
  };
}

export async function listServiceAccounts(
  ask: AskSql,
  query: ServiceAccountQuery,
): Promise<ServiceAccountPage> {
  const { organizationIds, username, limit } = query;
  const rows = await ask<StateRow>(
    select(
      "s.id, a.state FROM service_accounts s JOIN aggregates a ON a.type = 'service_account' AND a.id = s.id",
      "s.id",
      query,
      [
        ...(organizationIds === undefined ? [] : [anyOf("s.organization_id", organizationIds)]),
        ...(username === undefined ? [] : [textSql("s.username_folded = ?", username.trim().toLowerCase())]),
      ],
    ),
  );
  const { shown, last } = cutPage(rows, limit);
  return {
    serviceAccounts: shown.map(({ id, state }) => ({
      serviceAccountId: id,
      state: JSON.parse(state) as ServiceAccountState,
    })),
    next: last?.id,
  };
}

export async function listAccessTokens(ask: AskSql, query: AccessTokenQuery): Promise<AccessTokenPage> {
  const { organizationIds, serviceAccountId, limit } = query;
  const rows = await ask<ListedAccessToken>(
    select(
      `token_id AS "tokenId", service_account_id AS "serviceAccountId", organization_id AS "organizationId",
         added_at_ms AS "addedAtMs", expires_at_ms AS "expiresAtMs", revoked_at_ms AS "revokedAtMs",
         last_used_at_ms AS "lastUsedAtMs"
       FROM access_tokens`,
      "token_id",
      query,
      [
        ...(serviceAccountId === undefined ? [] : [anyOf("service_account_id", [serviceAccountId])]),
        ...(organizationIds === undefined ? [] : [anyOf("organization_id", organizationIds)]),
      ],
    ),
  );
  const { shown, last } = cutPage(rows, limit);
  return { tokens: shown, next: last?.tokenId };
}

/** One row more than asked for, which tells whether there is a further page. */
function select(
  what: string,
  id: string,
  { after, limit }: { readonly after?: string; readonly limit: number },
  conditions: readonly Sql[],
): Sql {
  const all = [...(after === undefined ? [] : [textSql(`${id} > ?`, after)]), ...conditions];
  const where = all.map(({ text }) => ` AND ${text}`).join("");
  const values = all.flatMap((each) => each.values);
  return sql(`SELECT ${what} WHERE TRUE${where} ORDER BY ${id} LIMIT ?`, ...values, limit + 1);
}

function textSql(text: string, value: string): Sql {
  return isStorable(value) ? sql(text, value) : sql("FALSE");
}
