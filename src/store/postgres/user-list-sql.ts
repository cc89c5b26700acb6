/** A user query as SQL. */
import type { TextMethod, UserFilter, UserQuery, UserSort, UserTextField } from "../user-query.ts";
import { anyOf, isStorable, sql, type Sql } from "./sql-text.ts";

const COLUMNS: Record<UserSort, string> = {
  userId: "u.id",
  username: "u.username",
  givenName: "u.given_name",
  familyName: "u.family_name",
  nickName: "u.nick_name",
  displayName: "u.display_name",
  email: "u.email",
  status: "u.status",
  createdAt: "u.created_at_ms",
};

export function listUsersSql(query: UserQuery): { readonly page: Sql; readonly total: Sql } {
  const where = condition(query.filter);
  const from = `FROM users u WHERE ${where.text}`;
  const direction = query.ascending ? "ASC" : "DESC";
  return {
    page: sql(
      `SELECT u.id AS "userId", (SELECT state FROM aggregates WHERE type = 'user' AND id = u.id) AS state
       ${from} ORDER BY ${COLUMNS[query.sort]} ${direction}, u.id ${direction} LIMIT ? OFFSET ?`,
      ...where.values,
      query.limit,
      query.offset,
    ),
    total: sql(`SELECT count(*) AS total ${from}`, ...where.values),
  };
}

function condition(filter: UserFilter): Sql {
  switch (filter.kind) {
    case "text":
      return textCondition(filter.field, filter.method, filter.ignoreCase, filter.value);
    case "status":
      return sql("u.status = ?", filter.status);
    case "ids":
      return anyOf("u.id", filter.ids);
    case "emails":
      return anyOf("u.email", filter.emails);
    case "organizations":
      return anyOf("u.organization_id", filter.organizationIds);
    case "not": {
      const inner = condition(filter.filter);
      return sql(`NOT (${inner.text})`, ...inner.values);
    }
    case "and":
    case "or": {
      const parts = filter.filters.map(condition);
      if (parts.length === 0) return sql(filter.kind === "and" ? "TRUE" : "FALSE");
      const text = parts.map((part) => `(${part.text})`).join(` ${filter.kind.toUpperCase()} `);
      return sql(text, ...parts.flatMap((part) => part.values));
    }
    case "all":
      return sql("TRUE");
    case "nothing":
      return sql("FALSE");
  }
}

function textCondition(field: UserTextField, method: TextMethod, ignoreCase: boolean, value: string): Sql {
  if (!isStorable(value)) return sql("FALSE");
  const subject = ignoreCase ? `${COLUMNS[field]}_folded` : COLUMNS[field];
  const wanted = ignoreCase ? value.toLowerCase() : value;
  switch (method) {
    case "equals":
      return sql(`${subject} = ?`, wanted);
    case "startsWith":
      return sql(`left(${subject}, length(?::text)) = ?`, wanted, wanted);
    case "endsWith":
      return sql(`right(${subject}, length(?::text)) = ?`, wanted, wanted);
    case "contains":
      return sql(`strpos(${subject}, ?) > 0`, wanted);
  }
}
