// Text for terminals, of values that come from strangers.
import { describe, expect, test } from "@jest/globals";
import { printable, renderFacts, renderTable } from "../../../src/cli/table.ts";

test.each([
  ["escape sequences", "\u001B[31mred\u001B[0m\u0007", "?[31mred?[0m?"],
  ["C1 controls", "a\u009B2Jb", "a?2Jb"],
  ["direction marks", "user\u202Egro.elpmaxe", "user?gro.elpmaxe"],
  ["line breaks", "a \r\n b\nc", "a b c"],
  ["tabs", "a\tb", "a?b"],
  ["nothing to fear", "Zoë 山田 \u{1F600}", "Zoë 山田 \u{1F600}"],
])("%s", (_, text, expected) => {
  expect(printable(text)).toBe(expected);
});

test("facts stand below each other, those without a value are left out", () => {
  expect(
    renderFacts([
      ["id", "7"],
      ["nick name", ""],
      ["username", "a\nb"],
    ]),
  ).toBe("id        7\nusername  a b\n");
});

describe("tables", () => {
  const rows = [
    ["7", "sent", ""],
    ["1234", "failed", "no such user"],
  ];

  test("have columns as wide as what is in them", () => {
    expect(renderTable(["ID", "STATE", "REASON"], rows, undefined)).toBe(
      "ID    STATE   REASON\n7     sent\n1234  failed  no such user\n",
    );
  });

  test("are cut to the terminal, and not where it does not tell its width", () => {
    expect(renderTable(["ID", "STATE", "REASON"], rows, 20)).toBe(
      "ID    STATE   REASON\n7     sent\n1234  failed  no su…\n",
    );
    expect(renderTable(["ID"], [["x".repeat(200)]], 0)).toBe(`ID\n${"x".repeat(200)}\n`);
  });
});
