import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { RecentMap } from "../../../../src/access/jwt/recent-map.ts";

test("what was asked for the longest ago goes first", () => {
  const map = new RecentMap<string, number>(3);
  map.set("a", 1);
  map.set("b", 2);
  map.set("c", 3);
  expect(map.get("a")).toBe(1);
  map.set("d", 4);
  expect(["a", "b", "c", "d"].map((key) => map.get(key))).toEqual([1, undefined, 3, 4]);
  map.set("a", 10);
  map.set("e", 5);
  expect(["a", "c", "d", "e"].map((key) => map.get(key))).toEqual([10, undefined, 4, 5]);
  map.delete("a");
  expect([map.size, map.get("a")]).toEqual([2, undefined]);
  map.clear();
  expect(map.size).toBe(0);
});

test("it is what a list of the last ones asked for would be", () => {
  const key = fc.nat({ max: 9 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant("set"), key }),
    fc.record({ kind: fc.constant("get"), key }),
    fc.record({ kind: fc.constant("delete"), key }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 60 }), (maxEntries, steps) => {
      const map = new RecentMap<number, number>(maxEntries);
      // Used last at the end.
      let model: { key: number; value: number }[] = [];
      for (const [value, { kind, key: at }] of steps.entries()) {
        const found = model.find((entry) => entry.key === at);
        const others = model.filter((entry) => entry.key !== at);
        if (kind === "get") {
          expect(map.get(at)).toBe(found?.value);
          if (found !== undefined) model = [...others, found];
        } else if (kind === "delete") {
          map.delete(at);
          model = others;
        } else {
          map.set(at, value);
          model = [...others, { key: at, value }].slice(-maxEntries);
        }
        expect(map.size).toBe(model.length);
      }
    }),
  );
});
