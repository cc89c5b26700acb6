// Whoever doubts a row of docs/compatibility.md finds the test that it names.
import { expect, test } from "@jest/globals";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = new URL("../../", import.meta.url).pathname;
const page = readFileSync(join(ROOT, "docs/compatibility.md"), "utf8");

function pathOf(name: string): string {
  return /^(?:wire|unit)\//.test(name) ? `test/${name}` : `test/unit/verification/user/${name}`;
}

test("every test that is named is there", () => {
  const named = new Set(Array.from(page.matchAll(/`([\w/.-]+\.test\.ts)`/g), ([, name = ""]) => name));
  expect(named.size).toBeGreaterThan(20);
  expect([...named].filter((name) => !existsSync(join(ROOT, pathOf(name))))).toEqual([]);
});

test("every row says what Countersign does, and names a test, a page or a reason", () => {
  const rows = page
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| Behaviour"))
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim()));
  expect(rows.filter((cells) => cells.length !== 6)).toEqual([]);
  const silent = rows.filter(([, , , countersign, last]) => countersign === "" || last === "");
  // A setting is no behaviour that could be tested.
  expect(silent.map(([, behaviour]) => behaviour)).toEqual(["Settings"]);
});
