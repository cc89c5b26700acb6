// Lists of users, held against a model that filters and sorts in memory.
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import type {
  TextMethod,
  UserFilter,
  UserPage,
  UserSort,
  UserTextField,
} from "../../../src/store/user-query.ts";
import { exists, type UserState } from "../../../src/verification/user/state.ts";
import { readLog } from "../history-checker.ts";
import type { OpenedWorld, OpenWorld } from "../store-contract.ts";
import { refusal, times } from "../world.ts";

const METHODS: readonly TextMethod[] = ["equals", "startsWith", "contains", "endsWith"];
const FIELDS: readonly UserTextField[] = [
  "username",
  "givenName",
  "familyName",
  "nickName",
  "displayName",
  "email",
];

export function listsContract(open: OpenWorld): void {
  test("text of every field, by every method", async () => {
    const world = await open();
    const names = ["abc", "abcd", "xabc", "xabcx", "ABCE", "XYABC", "other"];
    for (const field of FIELDS)
      await addNamed(
        world,
        field,
        names.map((name) => `${field}-${name}`),
      );
    const searches: readonly [TextMethod, "exact" | "ignoreCase", string, readonly string[]][] = [
      ["equals", "exact", "^abc$", ["abc"]],
      ["equals", "ignoreCase", "^aBC$", ["abc"]],
      ["equals", "ignoreCase", "^abce$", ["ABCE"]],
      ["startsWith", "exact", "^abc", ["abc", "abcd"]],
      ["startsWith", "ignoreCase", "^aBc", ["ABCE", "abc", "abcd"]],
      ["contains", "exact", "abc", ["abc", "abcd", "xabc", "xabcx"]],
      ["contains", "ignoreCase", "aBC", ["ABCE", "XYABC", "abc", "abcd", "xabc", "xabcx"]],
      ["endsWith", "exact", "abc$", ["abc", "xabc"]],
      ["endsWith", "ignoreCase", "abC$", ["XYABC", "abc", "xabc"]],
    ];
    for (const field of FIELDS) {
      for (const [method, letters, pattern, wanted] of searches) {
        // Every value is "<field>-<name>", and an address ends in its domain.
        const value = pattern.replace("^", `${field}-`).replace("$", field === "email" ? "@a.example" : "");
        const filter: UserFilter = {
          kind: "text",
          field,
          method,
          ignoreCase: letters === "ignoreCase",
          value,
        };
        expect({ filter, found: await ids(world, filter) }).toEqual({
          filter,
          found: wanted.map((name) => `${field}-${name}`),
        });
      }
    }
  });

  test("every method compares whole characters, whatever their case", async () => {
    const world = await open();
    await addNamed(world, "familyName", ["ÄÖÜ", "äöü", "AOU", "🦊Ñ", "éa"]);
    for (const method of METHODS) {
      const found = async (value: string, ignoreCase: boolean) => ({
        method,
        ids: await ids(world, { kind: "text", field: "familyName", method, ignoreCase, value }),
      });
      expect(await found("äöü", false)).toEqual({ method, ids: ["äöü"] });
      expect(await found("äÖü", true)).toEqual({ method, ids: ["ÄÖÜ", "äöü"].toSorted() });
      expect(await found("🦊ñ", true)).toEqual({ method, ids: ["🦊Ñ"] });
      expect(await found("ÉA", true)).toEqual({ method, ids: ["éa"] });
    }
  });

  test("every method takes patterns and quotes as literal text", async () => {
    const world = await open();
    const names = ["100%", "a_b", "a'b", 'a"b', "a\\b", "a*b", "a?b", "axb", "[a]", "100x"];
    await addNamed(world, "nickName", names);
    for (const method of METHODS) {
      const found = async (value: string, ignoreCase: boolean) => ({
        method,
        value,
        ids: await ids(world, { kind: "text", field: "nickName", method, ignoreCase, value }),
      });
      for (const value of names) {
        expect(await found(value, false)).toEqual({ method, value, ids: [value] });
        expect(await found(value, true)).toEqual({ method, value, ids: [value] });
      }
      const percent = method === "contains" || method === "endsWith" ? ["100%"] : [];
      expect(await found("%", false)).toEqual({ method, value: "%", ids: percent });
      const injected = "' OR '1'='1";
      expect(await found(injected, false)).toEqual({ method, value: injected, ids: [] });
    }
  });

  test("empty text: equals finds the empty, the other methods everybody", async () => {
    const world = await open();
    await addNamed(world, "nickName", ["", "x"]);
    const found = (method: TextMethod, ignoreCase: boolean) =>
      ids(world, { kind: "text", field: "nickName", method, ignoreCase, value: "" });
    for (const ignoreCase of [true, false]) {
      expect(await found("equals", ignoreCase)).toEqual(["id of nothing"]);
      for (const method of ["startsWith", "contains", "endsWith"] as const) {
        expect(await found(method, ignoreCase)).toEqual(["id of nothing", "x"]);
      }
    }
  });

  test("by status, ids, addresses and organizations", async () => {
    const world = await open();
    await world.addOrganization("org-2");
    await world.addUser("a");
    await world.addUser("b", { organizationId: "org-2" });
    await world.addUser("c");
    await world.addUser("d");
    await world.run({ type: "user.lock", userId: "b" });
    await world.run({ type: "user.deactivate", userId: "c" });
    expect(await ids(world, { kind: "status", status: "active" })).toEqual(["a", "d"]);
    expect(await ids(world, { kind: "status", status: "locked" })).toEqual(["b"]);
    expect(await ids(world, { kind: "status", status: "inactive" })).toEqual(["c"]);
    expect(await ids(world, { kind: "ids", ids: ["d", "b", "nobody", "b"] })).toEqual(["b", "d"]);
    expect(await ids(world, { kind: "ids", ids: [] })).toEqual([]);
    expect(await ids(world, { kind: "emails", emails: ["c@example.com", "x@example.com"] })).toEqual(["c"]);
    expect(await ids(world, { kind: "organizations", organizationIds: ["org-2"] })).toEqual(["b"]);
    expect(await ids(world, { kind: "all" })).toEqual(["a", "b", "c", "d"]);
    expect(await ids(world, { kind: "nothing" })).toEqual([]);
  });

  test("each change is found at once, by what is now and not by what was", async () => {
    const world = await open();
    await world.addUser("ada", {
      username: "old",
      profile: { givenName: "old", familyName: "old", nickName: "old", displayName: "old" },
      email: { address: "old@example.com", verification: { kind: "none" } },
    });
    const change: Record<UserTextField, () => Promise<unknown>> = {
      username: () => world.run({ type: "user.update", userId: "ada", username: "new" }),
      givenName: () => world.run({ type: "user.update", userId: "ada", profile: { givenName: "new" } }),
      familyName: () => world.run({ type: "user.update", userId: "ada", profile: { familyName: "new" } }),
      nickName: () => world.run({ type: "user.update", userId: "ada", profile: { nickName: "new" } }),
      displayName: () => world.run({ type: "user.update", userId: "ada", profile: { displayName: "new" } }),
      email: () => world.setEmail("ada", "new@example.com"),
    };
    for (const field of FIELDS) {
      const found = (value: string) =>
        ids(world, { kind: "text", field, method: "startsWith", ignoreCase: false, value });
      expect({ field, old: await found("old"), new: await found("new") }).toEqual({
        field,
        old: ["ada"],
        new: [],
      });
      await change[field]();
      expect({ field, old: await found("old"), new: await found("new") }).toEqual({
        field,
        old: [],
        new: ["ada"],
      });
    }
    for (const [type, status] of [
      ["user.lock", "locked"],
      ["user.unlock", "active"],
      ["user.deactivate", "inactive"],
      ["user.reactivate", "active"],
    ] as const) {
      await world.run({ type, userId: "ada" });
      expect({ type, ids: await ids(world, { kind: "status", status }) }).toEqual({ type, ids: ["ada"] });
    }
    const { users } = await world.list();
    expect(users).toEqual([{ userId: "ada", state: await world.store.findUser("ada") }]);
  });

  test("deleted users are gone, and so are their names", async () => {
    const world = await open();
    await world.addUser("ada");
    await world.addUser("bob");
    await world.run({ type: "user.delete", userId: "ada" });
    expect(await world.list()).toMatchObject({ total: 1, users: [{ userId: "bob" }] });
    expect(await ids(world, { kind: "ids", ids: ["ada"] })).toEqual([]);
    expect(await ids(world, { kind: "status", status: "deleted" })).toEqual([]);
    const email = { kind: "emails", emails: ["ada@example.com"] } as const;
    expect(await ids(world, email)).toEqual([]);
    await world.addUser("eve", { email: { address: "ada@example.com", verification: { kind: "none" } } });
    expect(await ids(world, email)).toEqual(["eve"]);
  });

  test("40,000 ids in one filter", async () => {
    const world = await open();
    for (const id of ["id-7", "id-39999", "id-40000"]) await world.addUser(id);
    const filter: UserFilter = { kind: "ids", ids: times(40_000, (index) => `id-${index}`) };
    expect(await ids(world, filter)).toEqual(["id-39999", "id-7"]);
    expect(await ids(world, { kind: "not", filter })).toEqual(["id-40000"]);
  });

  test("3,000 filters in one and, in one or", async () => {
    const world = await open();
    await world.addUser("ada");
    await world.addUser("bob");
    const filters = times(3_000, (): UserFilter => ({ kind: "ids", ids: ["ada"] }));
    expect(await ids(world, { kind: "and", filters })).toEqual(["ada"]);
    expect(await ids(world, { kind: "or", filters })).toEqual(["ada"]);
  });

  test("filters nested 20 levels deep", async () => {
    const world = await open();
    await world.addUser("ada");
    await world.addUser("bob");
    const nest = (depth: number): UserFilter =>
      depth === 0
        ? { kind: "ids", ids: ["ada"] }
        : { kind: "not", filter: { kind: depth % 2 === 0 ? "and" : "or", filters: [nest(depth - 1)] } };
    expect(await ids(world, nest(20))).toEqual(["ada"]);
    expect(await ids(world, nest(19))).toEqual(["bob"]);
  });

  test("any filter finds what it says, sorted and in pages", async () => {
    const world = await open();
    const names = [
      "ann",
      "Ann",
      "anna",
      "Öö",
      "öÖ",
      "ä",
      "Ä%",
      "a_b",
      "a%b",
      "b'",
      'B"',
      "b\\",
      "🦊",
      "🦊a",
      "z",
    ];
    for (const [index, name] of names.entries()) {
      await world.addUser(`id-${String(index).padStart(2, "0")}`, {
        username: `${name}${index}`,
        profile: {
          givenName: name,
          familyName: names[(index * 7) % names.length] ?? "",
          nickName: names[(index * 4) % 5] ?? "",
        },
      });
      if (index % 4 === 1)
        await world.run({ type: "user.lock", userId: `id-${String(index).padStart(2, "0")}` });
      world.nowMs += index % 2;
    }
    const all = (await world.list()).users;
    expect(all).toHaveLength(names.length);

    const query = fc.record({
      filter: anyFilter(
        names,
        all.map(({ userId }) => userId),
      ),
      // How a database orders letters is its own affair; ids are digits.
      sort: fc.constantFrom<UserSort>("userId", "createdAt"),
      ascending: fc.boolean(),
      offset: fc.nat(4),
      limit: fc.integer({ min: 1, max: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(query, async ({ filter, sort, ascending, offset, limit }) => {
        const page = await world.list(filter, { sort, ascending, offset, limit });
        const matching = all
          .filter(({ userId, state }) => matches(filter, userId, state))
          .toSorted((a, b) => {
            const order =
              (sort === "createdAt" ? a.state.createdAtMs - b.state.createdAtMs : 0) ||
              (a.userId < b.userId ? -1 : 1);
            return ascending ? order : -order;
          });
        expect(page.total).toBe(matching.length);
        expect(page.users).toEqual(matching.slice(offset, offset + limit));
      }),
      { numRuns: 300 },
    );
  });

  test("sorted by everything, in both directions", async () => {
    const world = await open();
    for (const [index, word] of ["delta", "alpha", "echo", "bravo", "charlie"].entries()) {
      await world.addUser(`id-${index}`, {
        username: word,
        profile: { givenName: word, familyName: word, nickName: word, displayName: word },
        email: { address: `${word}@example.com`, verification: { kind: "none" } },
      });
      world.nowMs += 1;
    }
    await world.run({ type: "user.lock", userId: "id-1" });
    await world.run({ type: "user.lock", userId: "id-3" });
    const sorted = async (sort: UserSort, ascending: boolean) =>
      (await world.list({ kind: "all" }, { sort, ascending })).users.map(({ userId }) => userId);
    for (const sort of [...FIELDS, "status", "createdAt", "userId"] as const) {
      const order = {
        status: ["id-0", "id-2", "id-4", "id-1", "id-3"],
        createdAt: ["id-0", "id-1", "id-2", "id-3", "id-4"],
        userId: ["id-0", "id-1", "id-2", "id-3", "id-4"],
        word: ["id-1", "id-3", "id-4", "id-0", "id-2"],
      }[sort === "status" || sort === "createdAt" || sort === "userId" ? sort : "word"];
      expect({ sort, ids: await sorted(sort, true) }).toEqual({ sort, ids: order });
      expect({ sort, ids: await sorted(sort, false) }).toEqual({ sort, ids: order.toReversed() });
    }
  });

  test("pages add up to the whole, with the total on each; past the end is an empty page", async () => {
    const world = await open();
    await Promise.all(times(25, (index) => world.addUser(`id-${String(index).padStart(2, "0")}`)));
    const pages = await Promise.all(
      [0, 10, 20, 30].map((offset) => world.list({ kind: "all" }, { sort: "status", offset, limit: 10 })),
    );
    expect(pages.map(({ users }) => users.length)).toEqual([10, 10, 5, 0]);
    expect(pages.map(({ total }) => total)).toEqual([25, 25, 25, 25]);
    const offset = Number.MAX_SAFE_INTEGER;
    expect(await world.list({ kind: "all" }, { offset })).toMatchObject({ users: [], total: 25 });
    const listed = pages.flatMap(({ users }) => users.map(({ userId }) => userId));
    expect(listed).toEqual(times(25, (index) => `id-${String(index).padStart(2, "0")}`));
  });

  test("an empty store has an empty list", async () => {
    const world = await open();
    const position = (await readLog(world.store)).at(-1)?.position;
    expect(await world.list()).toEqual({ users: [], total: 0, position });
  });

  test("a list names the last event that it took into account", async () => {
    const world = await open();
    await world.addUser("ada");
    await world.sendCode("ada");
    expect((await world.list()).position).toBe((await readLog(world.store)).at(-1)?.position);
  });

  test("users, total and position of a list belong together, also while users are added", async () => {
    const world = await open();
    const addMany = async () => {
      for (let round = 0; round < 40; round++) {
        await Promise.all(times(5, (index) => world.addUser(`user-${round}-${index}`)));
      }
      return "done";
    };
    const adding = addMany();
    const pages: UserPage[] = [];
    do pages.push(await world.list());
    while ((await Promise.race([adding, Promise.resolve("going on")])) !== "done");
    expect((await world.list()).total).toBe(200);
    const added = (await readLog(world.store)).filter(({ type }) => type === "user.human.added");
    for (const { users, total, position } of pages) {
      const known = added.filter((event) => event.position <= position).map(({ aggregateId }) => aggregateId);
      expect(total).toBe(known.length);
      expect(users.map(({ userId }) => userId)).toEqual(known.toSorted());
    }
  });

  test("past its deadline any query is refused, and the next list works", async () => {
    const world = await open();
    await Promise.all(times(20, (index) => world.addUser(`id-${index}`)));
    const everybody: UserFilter = { kind: "all" };
    const nobody: UserFilter = { kind: "nothing" };
    for (const filter of [
      everybody,
      { kind: "or", filters: [nobody, everybody] },
      {
        kind: "or",
        filters: [
          { kind: "emails", emails: [] },
          { kind: "status", status: "active" },
        ],
      },
      { kind: "and", filters: [everybody, everybody] },
      { kind: "not", filter: nobody },
      { kind: "ids", ids: ["id-3"] },
    ] satisfies UserFilter[]) {
      for (const timeoutMs of [0, -1]) {
        expect(await refusal(world.list(filter, { timeoutMs }))).toMatchObject({ name: "QUERY_TIMED_OUT" });
      }
      expect((await world.list()).total).toBe(20);
    }
  });

  test("many lists at once, among them one whose deadline is over", async () => {
    const world = await open();
    await Promise.all(times(20, (index) => world.addUser(`id-${index}`)));
    const late = refusal(world.list({ kind: "all" }, { timeoutMs: -1 }));
    const pages = await Promise.all(times(20, (index) => world.list({ kind: "ids", ids: [`id-${index}`] })));
    expect(pages.map(({ users }) => users[0]?.userId)).toEqual(times(20, (index) => `id-${index}`));
    expect(await late).toMatchObject({ name: "QUERY_TIMED_OUT" });
  });
}

/** One user for each name, whose id is the name and whose field holds it. */
async function addNamed(world: OpenedWorld, field: UserTextField, names: readonly string[]): Promise<void> {
  for (const [index, name] of names.entries()) {
    const other = `${field}${index}`;
    const text = (of: UserTextField) => (of === field ? name : other);
    await world.addUser(name === "" ? "id of nothing" : name, {
      username: text("username"),
      profile: {
        givenName: text("givenName"),
        familyName: text("familyName"),
        nickName: text("nickName"),
        displayName: text("displayName"),
      },
      email: {
        address: field === "email" ? `${name}@a.example` : `${other}@example.com`,
        verification: { kind: "none" },
      },
    });
  }
}

async function ids(world: OpenedWorld, filter: UserFilter): Promise<string[]> {
  const { users, total } = await world.list(filter);
  expect(total).toBe(users.length);
  return users.map(({ userId }) => userId).toSorted();
}

/** The model: what each filter means. */
function matches(filter: UserFilter, userId: string, state: UserState): boolean {
  switch (filter.kind) {
    case "text": {
      const fold = (text: string) => (filter.ignoreCase ? text.toLowerCase() : text);
      const [text, wanted] = [fold(textOf(filter.field, state)), fold(filter.value)];
      if (filter.method === "equals") return text === wanted;
      if (filter.method === "startsWith") return text.startsWith(wanted);
      if (filter.method === "endsWith") return text.endsWith(wanted);
      return text.includes(wanted);
    }
    case "status":
      return state.status === filter.status;
    case "ids":
      return filter.ids.includes(userId);
    case "emails":
      return filter.emails.includes(state.email.address);
    case "organizations":
      return filter.organizationIds.includes(state.organizationId);
    case "and":
      return filter.filters.every((part) => matches(part, userId, state));
    case "or":
      return filter.filters.some((part) => matches(part, userId, state));
    case "not":
      return !matches(filter.filter, userId, state);
    case "all":
      return exists(state);
    case "nothing":
      return false;
  }
}

function textOf(field: UserTextField, { username, profile, email }: UserState): string {
  if (field === "username") return username;
  return field === "email" ? email.address : profile[field];
}

function anyFilter(names: readonly string[], userIds: readonly string[]): fc.Arbitrary<UserFilter> {
  const text = fc.oneof(
    fc.constantFrom("", ...names),
    fc.string({ unit: fc.constantFrom("a", "A", "n", "ö", "Ö", "%", "_", "'", "🦊", "1"), maxLength: 3 }),
  );
  const leaf: fc.Arbitrary<UserFilter> = fc.oneof(
    { weight: 5, arbitrary: textFilter(text) },
    fc.record({ kind: fc.constant("ids"), ids: fc.subarray([...userIds, "nobody"]) }),
    fc.record({ kind: fc.constant("emails"), emails: fc.subarray(userIds.map((id) => `${id}@example.com`)) }),
    fc.record({ kind: fc.constant("status"), status: fc.constantFrom("active", "locked", "inactive") }),
    fc.constant({ kind: "all" } as const),
    fc.constant({ kind: "nothing" } as const),
  );
  const { tree } = fc.letrec<{ tree: UserFilter }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      { weight: 3, arbitrary: leaf },
      fc.record({ kind: fc.constantFrom("and", "or"), filters: fc.array(tie("tree"), { maxLength: 4 }) }),
      fc.record({ kind: fc.constant("not"), filter: tie("tree") }),
    ),
  }));
  return tree;
}

function textFilter(value: fc.Arbitrary<string>): fc.Arbitrary<UserFilter> {
  return fc.record({
    kind: fc.constant("text"),
    field: fc.constantFrom(...FIELDS),
    method: fc.constantFrom(...METHODS),
    ignoreCase: fc.boolean(),
    value,
  });
}
