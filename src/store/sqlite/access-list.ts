/** Pages of organizations, service accounts and access tokens, for the list thread. */
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
import { listAccessTokensSql, listOrganizationsSql, listServiceAccountsSql } from "./access-list-sql.ts";
import type { Sql } from "./user-list-sql.ts";

/** Runs a statement. */
export type ReadAll = <Row>(statement: Sql) => Row[];

interface StateRow {
  readonly id: string;
  readonly state: string;
}

export function listOrganizations(all: ReadAll, query: OrganizationQuery): OrganizationPage {
  const { shown, last } = cutPage(all<StateRow>(listOrganizationsSql(query)), query.limit);
  return {
    organizations: shown.map(({ id, state }) => ({
      organizationId: id,
      state: JSON.parse(state) as OrganizationState,
    })),
    next: last?.id,
  };
}

export function listServiceAccounts(all: ReadAll, query: ServiceAccountQuery): ServiceAccountPage {
  const { shown, last } = cutPage(all<StateRow>(listServiceAccountsSql(query)), query.limit);
  return {
    serviceAccounts: shown.map(({ id, state }) => ({
      serviceAccountId: id,
      state: JSON.parse(state) as ServiceAccountState,
    })),
    next: last?.id,
  };
}

export function listAccessTokens(all: ReadAll, query: AccessTokenQuery): AccessTokenPage {
  const { shown, last } = cutPage(all<ListedAccessToken>(listAccessTokensSql(query)), query.limit);
  return { tokens: shown, next: last?.tokenId };
}
