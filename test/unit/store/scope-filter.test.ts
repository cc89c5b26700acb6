import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { hash } from "node:crypto";
import { ScopeFilter } from "../../../src/store/sqlite/scope-filter.ts";

const keyOf = (n: number) => hash("sha256", `key ${n}`, "base64url").slice(0, 10);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);
const MANY = 150_000;

describe("a filter of scopes", () => {
  test("has every key that was added, whatever it looks like", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (keys) => {
        const filter = new ScopeFilter();
        for (const key of keys) filter.add(key, 1);
        expect(keys.filter((key) => !filter.mayHave(key))).toEqual([]);
      }),
    );
  });

  test("has every key of many, and of those that were not added hardly any", () => {
    const filter = new ScopeFilter();
    for (const n of range(0, MANY)) filter.add(keyOf(n), n);
    expect(range(0, MANY).filter((n) => !filter.mayHave(keyOf(n)))).toEqual([]);
    const mistaken = range(MANY, 2 * MANY).filter((n) => filter.mayHave(keyOf(n))).length;
    expect(mistaken / MANY).toBeLessThan(1 / 100);
  });

  test("has nothing while nothing was added", () => {
    expect(new ScopeFilter().mayHave(keyOf(1))).toBe(false);
  });

  test("forgets keys of rows that are gone, and none of those that are there", () => {
    const filter = new ScopeFilter();
    for (const n of range(0, MANY)) filter.add(keyOf(n), n);
    filter.forgetBelow(MANY / 2);
    expect(range(MANY / 2, MANY).filter((n) => !filter.mayHave(keyOf(n)))).toEqual([]);
    expect(range(0, 1_000).filter((n) => filter.mayHave(keyOf(n))).length).toBeLessThan(100);
    filter.forgetBelow(MANY);
    expect(range(0, MANY).filter((n) => filter.mayHave(keyOf(n)))).toEqual([]);
    filter.add(keyOf(1), MANY);
    expect(filter.mayHave(keyOf(1))).toBe(true);
  });
});
