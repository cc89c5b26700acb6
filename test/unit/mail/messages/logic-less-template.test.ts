import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import {
  compileTemplate,
  TemplateError,
  templateTags,
} from "../../../../src/mail/messages/logic-less-template.ts";

describe("a template", () => {
  test("shows values, and sections of those that are not empty", () => {
    const render = compileTemplate("{{a}}{{#b}} and {{b}}{{/b}}{{^b}} alone{{/b}}{{! never seen }}", "text");
    expect(render({ a: "1", b: "2" })).toBe("1 and 2");
    expect(render({ a: "1", b: "" })).toBe("1 alone");
  });

  test("escapes for HTML, and only there", () => {
    const view = { a: `<a href="x" b='y'>&amp;` };
    expect(compileTemplate("{{a}}", "html")(view)).toBe(
      "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;amp;",
    );
    expect(compileTemplate("{{a}}", "text")(view)).toBe(view.a);
  });

  test("takes values as they are, placeholders in them too", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (a) => {
        expect(compileTemplate("[{{a}}]", "text")({ a })).toBe(`[${a}]`);
      }),
    );
  });

  test("of nothing but words, or of nothing, is itself", () => {
    expect(compileTemplate("<b>", "html")({})).toBe("<b>");
    expect(compileTemplate("", "html")({})).toBe("");
  });

  test("tells its tags", () => {
    expect(templateTags("x{{a}}{{#b}}{{c}}{{/b}}{{^d}}{{e}}{{/d}}")).toEqual([
      { kind: "value", name: "a", start: 1, end: 6, within: [] },
      { kind: "section", name: "b", start: 6, end: 12, within: [] },
      { kind: "value", name: "c", start: 12, end: 17, within: ["b"] },
      { kind: "inverted", name: "d", start: 23, end: 29, within: [] },
      { kind: "value", name: "e", start: 29, end: 34, within: [] },
    ]);
  });
});

test.each([
  ["ab{{", "{{ without }}", 4],
  ["a {{name", "{{ without }}", 8],
  ["{{#a}}", "{{#a}} is not closed with {{/a}}", 6],
  ["a{{/a}}", "{{/a}} closes what was not opened", 1],
  ["{{#a}}{{/b}}", "{{#a}} is not closed with {{/a}}", 6],
  [" {{{a}}}", "{{{a}}} would leave the value unescaped: write {{a}}", 1],
  ["{{&a}}", "{{{a}}} would leave the value unescaped: write {{a}}", 0],
  ["{{>a}}", "{{>a}}: templates cannot include others", 0],
  ["{{=<% %>=}}", "{{=...=}}: the marks around names cannot be changed", 0],
])("%j is refused: %s", (source, message, index) => {
  expect(() => templateTags(source)).toThrow(new TemplateError(message, index));
  try {
    templateTags(source);
  } catch (error) {
    expect((error as TemplateError).index).toBe(index);
  }
});
