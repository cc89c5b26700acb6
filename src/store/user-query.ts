/** Lists of users: what may be asked, independent of any database. */
import type { UserState, UserStatus } from "../verification/user/state.ts";

export type TextMethod = "equals" | "startsWith" | "contains" | "endsWith";

export type UserTextField = "username" | "givenName" | "familyName" | "nickName" | "displayName" | "email";

export type UserFilter =
  | {
      readonly kind: "text";
      readonly field: UserTextField;
      readonly method: TextMethod;
      readonly ignoreCase: boolean;
      readonly value: string;
    }
  | { readonly kind: "status"; readonly status: UserStatus }
  | { readonly kind: "ids"; readonly ids: readonly string[] }
  | { readonly kind: "emails"; readonly emails: readonly string[] }
  | { readonly kind: "organizations"; readonly organizationIds: readonly string[] }
  | { readonly kind: "and" | "or"; readonly filters: readonly UserFilter[] }
  | { readonly kind: "not"; readonly filter: UserFilter }
  /** Matches every user, or none. */
  | { readonly kind: "all" | "nothing" };

export type UserSort = "userId" | UserTextField | "status" | "createdAt";

export interface UserQuery {
  readonly filter: UserFilter;
  readonly sort: UserSort;
  readonly ascending: boolean;
  readonly offset: number;
  /** At most this many users, 1 to 1000. */
  readonly limit: number;
  /** The query is given up this many milliseconds after it began to run. */
  readonly timeoutMs: number;
}

export interface ListedUser {
  readonly userId: string;
  readonly state: UserState;
}

export interface UserPage {
  readonly users: readonly ListedUser[];
  /** How many users match in all. */
  readonly total: number;
  /** Position of the last event that the list took into account. */
  readonly position: number;
}
