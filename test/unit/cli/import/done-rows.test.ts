// Which rows are done: whatever order they are finished in and wherever a run ends, the next one does the rest.
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { DoneRows, NOTHING_DONE, type DoneState } from "../../../../src/cli/import/done-rows.ts";

const input = fc.array(fc.string({ maxLength: 4 }), { maxLength: 30 });

test("runs that end anywhere do each row once between them", () => {
  // Each number picks which of the rows under way is finished next; a run ends after so many picks.
  const runs = fc.array(fc.array(fc.nat()), { maxLength: 5 });
  fc.assert(
    fc.property(input, runs, (rows, picks) => {
      const finished: number[] = [];
      let state: DoneState = NOTHING_DONE;
      for (const run of [...picks, Array.from({ length: rows.length }, () => 0)]) {
        const done = new DoneRows(structuredClone(state));
        const open = rows.flatMap((raw, at) => (done.see(at + 1, raw) === true ? [at + 1] : []));
        expect(done.isCutShort).toBe(false);
        for (const pick of run) {
          const [number] = open.splice(pick % Math.max(open.length, 1), 1);
          if (number === undefined) break;
          done.finish(number);
          finished.push(number);
        }
        ({ state } = done);
      }
      expect(finished.toSorted((a, b) => a - b)).toEqual(rows.map((_, at) => at + 1));
      expect(state).toMatchObject({ upTo: rows.length, beyond: [] });
    }),
  );
});

test("another input is noticed, before any of its rows is taken for one that is to be done", () => {
  fc.assert(
    fc.property(input, fc.nat(), fc.string({ maxLength: 4 }), (rows, pick, other) => {
      const at = pick % Math.max(rows.length, 1);
      fc.pre(rows.length > 0 && rows[at] !== other);
      const done = new DoneRows(NOTHING_DONE);
      rows.forEach((raw, index) => done.see(index + 1, raw));
      rows.forEach((_, index) => done.finish(index + 1));
      const resumed = new DoneRows(done.state);
      const changed = rows.with(at, other);
      expect(changed.map((raw, index) => resumed.see(index + 1, raw))).toEqual([
        ...rows.slice(1).map(() => false),
        undefined,
      ]);
    }),
  );
});

test("an input that ends too early is noticed", () => {
  const done = new DoneRows({ upTo: 2, checksum: 1, beyond: [] });
  done.see(1, "a");
  expect(done.isCutShort).toBe(true);
});

test("tells how far the rows under way lie apart", () => {
  const done = new DoneRows(NOTHING_DONE);
  for (const number of [1, 2, 3, 4]) done.see(number, "x");
  done.finish(4);
  expect(done.spread).toBe(4);
  done.finish(1);
  expect(done.spread).toBe(3);
});
