// The exact SQL, so that a change to it is seen and weighed. That it finds the right users is the contract suite's affair.
import { expect, test } from "@jest/globals";
import { listUsersSql } from "../../../src/store/sqlite/user-list-sql.ts";
import type { UserFilter, UserQuery } from "../../../src/store/user-query.ts";

function sql(filter: UserFilter, change: Partial<UserQuery> = {}) {
  const query = {
    filter,
    sort: "userId",
    ascending: true,
    offset: 0,
    limit: 10,
    timeoutMs: 1,
    ...change,
  } as const;
  const { page, total } = listUsersSql(query);
  return { page: { ...page, text: page.text.replaceAll(/\s+/g, " ") }, total };
}

/** Condition and parameters, which page and total have to share. */
function condition(filter: UserFilter) {
  const { page, total } = sql(filter);
  const [, text = ""] = total.text.split(
    "SELECT count(*) AS total FROM users u WHERE within_deadline() AND ",
  );
  expect(page.text).toContain(` FROM users u WHERE within_deadline() AND ${text} ORDER BY `);
  expect(page.parameters).toEqual([...total.parameters, 10, 0]);
  return { text, parameters: total.parameters };
}

test("a page and its total", () => {
  expect(
    sql({ kind: "status", status: "locked" }, { sort: "email", ascending: false, offset: 20, limit: 5 }),
  ).toEqual({
    page: {
      text:
        "SELECT u.id AS userId, (SELECT state FROM aggregates WHERE type = 'user' AND id = u.id) AS state " +
        "FROM users u WHERE within_deadline() AND (u.status = ?) ORDER BY u.email DESC, u.id DESC LIMIT ? OFFSET ?",
      parameters: ["locked", 5, 20],
    },
    total: {
      text: "SELECT count(*) AS total FROM users u WHERE within_deadline() AND (u.status = ?)",
      parameters: ["locked"],
    },
  });
});

test.each([
  ["userId", "u.id ASC, u.id ASC"],
  ["username", "u.username ASC, u.id ASC"],
  ["givenName", "u.given_name ASC, u.id ASC"],
  ["familyName", "u.family_name ASC, u.id ASC"],
  ["nickName", "u.nick_name ASC, u.id ASC"],
  ["displayName", "u.display_name ASC, u.id ASC"],
  ["email", "u.email ASC, u.id ASC"],
  ["status", "u.status ASC, u.id ASC"],
  ["createdAt", "u.created_at_ms ASC, u.id ASC"],
] as const)("sorted by %s", (sort, order) => {
  expect(sql({ kind: "all" }, { sort }).page.text).toContain(` ORDER BY ${order} LIMIT`);
});

test.each([
  ["equals", "(u.username = ?)", ["Ada"], "(fold(u.username) = ?)", ["ada"]],
  [
    "startsWith",
    "(substr(u.username, 1, length(?)) = ?)",
    ["Ada", "Ada"],
    "(substr(fold(u.username), 1, length(?)) = ?)",
    ["ada", "ada"],
  ],
  ["contains", "(instr(u.username, ?) > 0)", ["Ada"], "(instr(fold(u.username), ?) > 0)", ["ada"]],
  [
    "endsWith",
    "(substr(u.username, -length(?)) = ?)",
    ["Ada", "Ada"],
    "(substr(fold(u.username), -length(?)) = ?)",
    ["ada", "ada"],
  ],
] as const)("text that %s", (method, exact, exactParameters, folded, foldedParameters) => {
  const filter = { kind: "text", field: "username", method, value: "Ada" } as const;
  expect(condition({ ...filter, ignoreCase: false })).toEqual({ text: exact, parameters: exactParameters });
  expect(condition({ ...filter, ignoreCase: true })).toEqual({ text: folded, parameters: foldedParameters });
});

test("values are parameters, never text", () => {
  const evil = `x' OR 1=1 --`;
  for (const filter of [
    { kind: "text", field: "email", method: "contains", ignoreCase: false, value: evil },
    { kind: "ids", ids: [evil] },
    { kind: "emails", emails: [evil] },
    { kind: "organizations", organizationIds: [evil] },
  ] satisfies UserFilter[]) {
    const { text, parameters } = condition(filter);
    expect(text).not.toContain("OR");
    expect(String(parameters[0])).toContain(evil);
  }
});

test("a list of values is one parameter, whatever its length", () => {
  const ids = Array.from({ length: 40_000 }, (_, index) => `"${index}`);
  expect(condition({ kind: "ids", ids })).toEqual({
    text: "(u.id IN (SELECT value FROM json_each(?)))",
    parameters: [JSON.stringify(ids)],
  });
});

test("and, or, not keep to themselves", () => {
  const status = (of: "active" | "locked" | "inactive") => ({ kind: "status", status: of }) as const;
  expect(
    condition({
      kind: "or",
      filters: [
        status("active"),
        { kind: "and", filters: [status("locked"), { kind: "not", filter: status("inactive") }] },
      ],
    }),
  ).toEqual({
    text: "((u.status = ?) OR ((u.status = ?) AND (NOT (u.status = ?))))",
    parameters: ["active", "locked", "inactive"],
  });
});

test.each([
  [{ kind: "and", filters: [] }, "(TRUE)"],
  [{ kind: "or", filters: [] }, "(FALSE)"],
  [{ kind: "and", filters: [{ kind: "nothing" }] }, "(FALSE)"],
  [{ kind: "all" }, "(TRUE)"],
  [{ kind: "nothing" }, "(FALSE)"],
] satisfies [UserFilter, string][])("%j", (filter, text) => {
  expect(condition(filter)).toEqual({ text, parameters: [] });
});

test("thousands of alternatives make a shallow expression, in their order", () => {
  const filters = Array.from({ length: 3_000 }, (_, index): UserFilter => ({
    kind: "emails",
    emails: [`${index}`],
  }));
  const { text, parameters } = condition({ kind: "or", filters });
  let [depth, deepest] = [0, 0];
  for (const character of text) {
    depth += { "(": 1, ")": -1 }[character] ?? 0;
    deepest = Math.max(deepest, depth);
  }
  expect(depth).toBe(0);
  expect(deepest).toBeLessThan(20);
  expect(parameters).toEqual(filters.map((_, index) => JSON.stringify([`${index}`])));
});
