/** A user query as SQL. Values travel as parameters only; lists of values as one JSON parameter, whatever their length. */
import type { TextMethod, UserFilter, UserQuery, UserSort } from "../user-query.ts";

export interface Sql {
  readonly text: string;
  readonly parameters: readonly (string | number)[];
}

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

/** Both statements call `within_deadline()` for every row looked at; it throws once the time is up. */
export function listUsersSql(query: UserQuery): { readonly page: Sql; readonly total: Sql } {
  const where = condition(query.filter);
  const from = `FROM users u WHERE within_deadline() AND (${where.text})`;
  const direction = query.ascending ? "ASC" : "DESC";
  return {
    page: {
      text: `SELECT u.id AS userId, (SELECT state FROM aggregates WHERE type = 'user' AND id = u.id) AS state
             ${from} ORDER BY ${COLUMNS[query.sort]} ${direction}, u.id ${direction} LIMIT ? OFFSET ?`,
      parameters: [...where.parameters, query.limit, query.offset],
    },
    total: { text: `SELECT count(*) AS total ${from}`, parameters: where.parameters },
  };
}

function condition(filter: UserFilter): Sql {
  switch (filter.kind) {
    case "text":
      return textCondition(COLUMNS[filter.field], filter.method, filter.ignoreCase, filter.value);
    case "status":
      return { text: "u.status = ?", parameters: [filter.status] };
    case "ids":
      return anyOf("u.id", filter.ids);
    case "emails":
      return anyOf("u.email", filter.emails);
    case "organizations":
      return anyOf("u.organization_id", filter.organizationIds);
    case "not": {
      const inner = condition(filter.filter);
      return { text: `NOT (${inner.text})`, parameters: inner.parameters };
    }
    case "and":
    case "or": {
      const parts = filter.filters.map(condition);
      const empty = filter.kind === "and" ? "TRUE" : "FALSE";
      const texts = parts.map((part) => part.text);
      return {
        text: texts.length === 0 ? empty : joined(texts, filter.kind.toUpperCase()),
        parameters: parts.flatMap((part) => part.parameters),
      };
    }
    case "all":
      return { text: "TRUE", parameters: [] };
    case "nothing":
      return { text: "FALSE", parameters: [] };
  }
}

/** Joins by halves: SQLite takes expressions up to 1,000 levels deep, and a chain would be as deep as it is long. */
function joined(texts: readonly string[], operator: string): string {
  if (texts.length === 1) return texts[0] ?? "";
  const middle = Math.ceil(texts.length / 2);
  const [left, right] = [texts.slice(0, middle), texts.slice(middle)];
  return `(${joined(left, operator)}) ${operator} (${joined(right, operator)})`;
}

/** SQLite's own lower() knows ASCII only; `fold` is registered on the connection and knows Unicode. */
function textCondition(column: string, method: TextMethod, ignoreCase: boolean, value: string): Sql {
  const subject = ignoreCase ? `fold(${column})` : column;
  const wanted = ignoreCase ? value.toLowerCase() : value;
  switch (method) {
    case "equals":
      return { text: `${subject} = ?`, parameters: [wanted] };
    case "startsWith":
      return { text: `substr(${subject}, 1, length(?)) = ?`, parameters: [wanted, wanted] };
    case "endsWith":
      // substr(x, -0) is the whole string, hence the separate rule for the empty suffix.
      return wanted === ""
        ? { text: "TRUE", parameters: [] }
        : { text: `substr(${subject}, -length(?)) = ?`, parameters: [wanted, wanted] };
    case "contains":
      return { text: `instr(${subject}, ?) > 0`, parameters: [wanted] };
  }
}

function anyOf(column: string, values: readonly string[]): Sql {
  return { text: `${column} IN (SELECT value FROM json_each(?))`, parameters: [JSON.stringify(values)] };
}
