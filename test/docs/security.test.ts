// docs/security.md: whoever doubts a row finds the test that it names, and no call that is served is without a row.
import { expect, test } from "@jest/globals";
import { existsSync, readFileSync } from "node:fs";
import { readTable } from "../wire/access-matrix/table.ts";

const ROOT = new URL("../../", import.meta.url);
const page = readFileSync(new URL("docs/security.md", ROOT), "utf8");
const threats = page.slice(page.indexOf("## Threats, call by call"), page.indexOf("## Keys and tokens"));

test("every call is among the threats, which all name a test that is there", () => {
  const rows = threats.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| Call"));
  expect(rows.length).toBeGreaterThan(15);
  const named = rows.map((row) =>
    Array.from(row.matchAll(/`([\w/.-]+\.test\.ts)`/g), ([, name = ""]) => name),
  );
  expect(rows.filter((_row, index) => named[index]?.length === 0)).toEqual([]);
  const pathOf = (name: string) => (name.startsWith("unit/") ? `test/${name}` : `test/wire/${name}`);
  expect(named.flat().filter((name) => !existsSync(new URL(pathOf(name), ROOT)))).toEqual([]);

  // access-matrix.test.ts holds the table against what is served.
  const calls = new Set(readTable().flatMap((line) => line.calls.map((call) => call.split(" ")[0] ?? "")));
  const heads = rows.map((row) => row.split(/(?<!\\)\|/)[1]).join(" ");
  expect([...calls].filter((call) => !new RegExp(`\\b${call}\\b`).test(heads))).toEqual([]);
});

test("links within the pages lead somewhere", () => {
  const pages = new Map<string, string>();
  const textOf = (path: string) => {
    const text = pages.get(path) ?? readFileSync(new URL(path, ROOT), "utf8");
    pages.set(path, text);
    return text;
  };
  const anchorsOf = (path: string) =>
    Array.from(textOf(path).matchAll(/^#+ (.+)$/gm), ([, head = ""]) =>
      head
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, "")
        .replaceAll(" ", "-"),
    );
  for (const path of ["docs/security.md", "docs/access.md", "SECURITY.md"]) {
    for (const [, target = ""] of textOf(path).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const { pathname, hash } = new URL(target, `file:///${path}`);
      expect([path, target, existsSync(new URL(pathname.slice(1), ROOT))]).toEqual([path, target, true]);
      if (hash !== "")
        expect([target, anchorsOf(pathname.slice(1))]).toEqual([
          target,
          expect.arrayContaining([hash.slice(1)]),
        ]);
    }
  }
});
