/** Lists of organizations, service accounts and access tokens, each in the order of its ids: pages go on after an id. */
import type { OrganizationState } from "../verification/organization.ts";
import type { ServiceAccountState } from "../verification/service-account.ts";

/** What all lists here are asked with. What is left out does not matter; the rest has to hold at once. */
interface AccessQuery {
  /** Those that are these organizations, or belong to them. */
  readonly organizationIds?: readonly string[];
  /** Continues after the item with this id. */
  readonly after?: string;
  /** At most this many, 1 to 1000. */
  readonly limit: number;
  /** The query is given up this many milliseconds after it began to run. */
  readonly timeoutMs: number;
}

export interface OrganizationQuery extends AccessQuery {
  /** Part of the name, whatever its case. */
  readonly name?: string;
}

export interface ListedOrganization {
  readonly organizationId: string;
  readonly state: OrganizationState;
}

export interface OrganizationPage {
  readonly organizations: readonly ListedOrganization[];
  /** Where the next page goes on; undefined on the last one. */
  readonly next: string | undefined;
}

export interface ServiceAccountQuery extends AccessQuery {
  /** The whole username, whatever its case. */
  readonly username?: string;
}

export interface ListedServiceAccount {
  readonly serviceAccountId: string;
  readonly state: ServiceAccountState;
}

/** Without those that were removed. */
export interface ServiceAccountPage {
  readonly serviceAccounts: readonly ListedServiceAccount[];
  readonly next: string | undefined;
}

export interface AccessTokenQuery extends AccessQuery {
  readonly serviceAccountId?: string;
}

/** Times are milliseconds since the Unix epoch. */
export interface ListedAccessToken {
  readonly tokenId: string;
  readonly serviceAccountId: string;
  /** Of the account. */
  readonly organizationId: string;
  readonly addedAtMs: number;
  /** Null: it does not expire. */
  readonly expiresAtMs: number | null;
  /** Null: it is not revoked. */
  readonly revokedAtMs: number | null;
  /** As far as `recordTokenUses` was told; null: never. */
  readonly lastUsedAtMs: number | null;
}

/** With revoked and expired ones, without those of accounts that were removed. */
export interface AccessTokenPage {
  readonly tokens: readonly ListedAccessToken[];
  readonly next: string | undefined;
}

export interface TokenUse {
  readonly tokenId: string;
  /** Milliseconds since the Unix epoch. */
  readonly usedAtMs: number;
}
