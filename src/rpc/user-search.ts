/** ListUsers: from SearchQuery messages to a store query. */
import { TextQueryMethod, type ListQuery } from "../../gen/zitadel/object/v2/object_pb.ts";
import {
  Type,
  UserFieldName,
  type ListUsersRequest,
  type SearchQuery,
} from "../../gen/zitadel/user/v2/query_pb.ts";
import type { TextMethod, UserFilter, UserQuery, UserSort, UserTextField } from "../store/user-query.ts";
import { failure, FailureError, type FailureName } from "../verification/failures.ts";
import type { UserStatus } from "../verification/user/state.ts";
import { WIRE_STATES } from "./user-replies.ts";

const MAX_DEPTH = 20;
/** In all. Each is a condition of its own in the database, which reads thousands of them for longer than a list may take. */
const MAX_QUERIES = 1_000;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
/** A list that takes longer holds up the lists behind it. */
const TIMEOUT_MS = 5_000;

const SORTS: Partial<Record<UserFieldName, UserSort>> = {
  [UserFieldName.USER_NAME]: "username",
  [UserFieldName.FIRST_NAME]: "givenName",
  [UserFieldName.LAST_NAME]: "familyName",
  [UserFieldName.NICK_NAME]: "nickName",
  [UserFieldName.DISPLAY_NAME]: "displayName",
  [UserFieldName.EMAIL]: "email",
  [UserFieldName.STATE]: "status",
  [UserFieldName.CREATION_DATE]: "createdAt",
};

const TEXT_METHODS: Partial<Record<TextQueryMethod, { method: TextMethod; ignoreCase: boolean }>> = {
  [TextQueryMethod.EQUALS]: { method: "equals", ignoreCase: false },
  [TextQueryMethod.EQUALS_IGNORE_CASE]: { method: "equals", ignoreCase: true },
  [TextQueryMethod.STARTS_WITH]: { method: "startsWith", ignoreCase: false },
  [TextQueryMethod.STARTS_WITH_IGNORE_CASE]: { method: "startsWith", ignoreCase: true },
  [TextQueryMethod.CONTAINS]: { method: "contains", ignoreCase: false },
  [TextQueryMethod.CONTAINS_IGNORE_CASE]: { method: "contains", ignoreCase: true },
  [TextQueryMethod.ENDS_WITH]: { method: "endsWith", ignoreCase: false },
  [TextQueryMethod.ENDS_WITH_IGNORE_CASE]: { method: "endsWith", ignoreCase: true },
};

/**
 * @param visible the users that the caller may see
 * @throws FailureError QUERY_INVALID, QUERY_TOO_DEEP, QUERY_LIMIT_EXCEEDED
 */
export function userQueryOf(request: ListUsersRequest, visible: UserFilter): UserQuery {
  const budget = { left: MAX_QUERIES };
  return {
    filter: {
      kind: "and",
      filters: [visible, ...request.queries.map((query) => filterOf(query, 1, budget))],
    },
    sort: SORTS[request.sortingColumn] ?? "userId",
    ascending: request.query?.asc ?? false,
    offset: offsetOf(request.query),
    limit: limitOf(request.query),
    timeoutMs: TIMEOUT_MS,
  };
}

function offsetOf(query: ListQuery | undefined): number {
  const offset = query?.offset ?? 0n;
  return offset > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(offset);
}

function limitOf(query: ListQuery | undefined): number {
  const limit = query?.limit ?? 0;
  if (limit > MAX_LIMIT) throw refused("QUERY_LIMIT_EXCEEDED");
  return limit === 0 ? DEFAULT_LIMIT : limit;
}

function filterOf({ query }: SearchQuery, depth: number, budget: { left: number }): UserFilter {
  if (depth > MAX_DEPTH) throw refused("QUERY_TOO_DEEP");
  budget.left -= 1;
  if (budget.left < 0) throw refused("QUERY_INVALID", `more than ${MAX_QUERIES} queries`);
  const inner = (queries: readonly SearchQuery[]) => queries.map((item) => filterOf(item, depth + 1, budget));
  switch (query.case) {
    case "userNameQuery":
      return text("username", query.value.method, query.value.userName);
    case "loginNameQuery":
      return text("username", query.value.method, query.value.loginName);
    case "firstNameQuery":
      return text("givenName", query.value.method, query.value.firstName);
    case "lastNameQuery":
      return text("familyName", query.value.method, query.value.lastName);
    case "nickNameQuery":
      return text("nickName", query.value.method, query.value.nickName);
    case "displayNameQuery":
      return text("displayName", query.value.method, query.value.displayName);
    case "emailQuery":
      return text("email", query.value.method, query.value.emailAddress);
    case "stateQuery": {
      const wanted = query.value.state;
      const status = (Object.keys(WIRE_STATES) as UserStatus[]).find((name) => WIRE_STATES[name] === wanted);
      return status === undefined ? { kind: "nothing" } : { kind: "status", status };
    }
    case "typeQuery":
      return { kind: query.value.type === Type.HUMAN ? "all" : "nothing" };
    case "inUserIdsQuery":
      return { kind: "ids", ids: query.value.userIds };
    case "inUserEmailsQuery":
      return { kind: "emails", emails: query.value.userEmails };
    case "organizationIdQuery":
      return { kind: "organizations", organizationIds: [query.value.organizationId] };
    case "andQuery":
      return { kind: "and", filters: inner(query.value.queries) };
    case "orQuery":
      return { kind: "or", filters: inner(query.value.queries) };
    case "notQuery":
      if (query.value.query === undefined) throw refused("QUERY_INVALID");
      return { kind: "not", filter: filterOf(query.value.query, depth + 1, budget) };
    case "phoneQuery":
    case undefined:
      throw refused("QUERY_INVALID");
  }
}

function text(field: UserTextField, method: TextQueryMethod, value: string): UserFilter {
  const known = TEXT_METHODS[method];
  if (known === undefined) throw refused("QUERY_INVALID");
  return { kind: "text", field, value, ...known };
}

function refused(name: FailureName, problem?: string): FailureError {
  return new FailureError(failure(name, { ...(problem !== undefined && { text: problem }) }));
}
