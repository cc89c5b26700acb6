import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { parsePathTemplate, variableValue } from "../../../src/transport/path-template.ts";

describe("parsePathTemplate", () => {
  test.each([
    ["/v1", "v1"],
    ["/v1/users", "v1 users"],
    ["/v1/*/a", "v1 * a"],
    ["/v1/**", "v1 **"],
    ["/**", "**"],
    ["/*", "*"],
    ["/v1/{id}", "v1 *"],
    ["/v1/{id=*}", "v1 *"],
    ["/v1/{name=shelves/*/books/*}", "v1 shelves * books *"],
    ["/v1/{name=shelves/*}/{rest=**}", "v1 shelves * **"],
    ["/v1/{a.b_c.d1=x}", "v1 x"],
    ["/v1/a+b=c,d;e@f!g$h&i'j(k)~-._", "v1 a+b=c,d;e@f!g$h&i'j(k)~-._"],
    ["/v1/a%20b%3Ac%2Fd", "v1 a b:c/d"],
    ["/v1/Zoë", "v1 Zoë"],
    ["/v1/Zo%C3%AB", "v1 Zoë"],
  ])("%s has the segments %s", (text, segments) => {
    const template = parsePathTemplate(text);
    const shown = template.segments.map((segment) =>
      segment.kind === "literal" ? segment.text : segment.kind === "one" ? "*" : "**",
    );
    expect(shown.join(" ")).toBe(segments);
    expect(template).toMatchObject({ text, verb: "" });
  });

  test.each([
    ["/v1/users:search", "search"],
    ["/v1/{id}:undelete", "undelete"],
    ["/v1/**:a%20b", "a b"],
    ["/v1/{name=files/**}:describe", "describe"],
  ])("%s has the verb %s", (text, verb) => {
    expect(parsePathTemplate(text).verb).toBe(verb);
  });

  test("variables know their fields and their segments", () => {
    expect(parsePathTemplate("/v1/{a.b=x/*/y}/{c}/z/{d=**}").variables).toEqual([
      { fieldPath: ["a", "b"], start: 1, length: 3 },
      { fieldPath: ["c"], start: 4, length: 1 },
      { fieldPath: ["d"], start: 6, length: 1 },
    ]);
  });

  test.each([
    ["", 'the template  does not begin with "/" (character 1)'],
    ["v1", 'the template v1 does not begin with "/" (character 1)'],
    ["/", "the template / lacks a segment (character 2)"],
    ["/v1/", "the template /v1/ lacks a segment (character 5)"],
    ["//v1", "the template //v1 lacks a segment (character 2)"],
    ["/v1:", "the template /v1: lacks a verb (character 5)"],
    ["/v1:a:b", "the template /v1:a:b goes on where it should end (character 6)"],
    ["/v1:a/b", "the template /v1:a/b goes on where it should end (character 6)"],
    ["/v1/{id", 'the template /v1/{id lacks "}" (character 8)'],
    ["/v1/id}", "the template /v1/id} goes on where it should end (character 7)"],
    ["/v1/{}", "the template /v1/{} names no field (character 6)"],
    ["/v1/{1d}", "the template /v1/{1d} names no field (character 6)"],
    ["/v1/{a..b}", 'the template /v1/{a..b} lacks "}" (character 7)'],
    ["/v1/{a=}", "the template /v1/{a=} lacks a segment (character 8)"],
    ["/v1/{a=b/{c}}", "the template /v1/{a=b/{c}} has a variable inside a variable (character 11)"],
    ["/v1/{a=b:c}", 'the template /v1/{a=b:c} lacks "}" (character 9)'],
    ["/v1/{a}{b}", "the template /v1/{a}{b} goes on where it should end (character 8)"],
    ["/v1/x{a}", "the template /v1/x{a} goes on where it should end (character 6)"],
    ["/v1/a*", "the template /v1/a* goes on where it should end (character 6)"],
    ["/v1/***", "the template /v1/*** goes on where it should end (character 7)"],
    ["/v1/**/a", 'the template /v1/**/a has "**" before its end'],
    ["/v1/{a=**}/b", 'the template /v1/{a=**}/b has "**" before its end'],
    ["/v1/a b", "the template /v1/a b goes on where it should end (character 6)"],
    ["/v1/a?b=c", "the template /v1/a?b=c goes on where it should end (character 6)"],
    ["/v1/a#b", "the template /v1/a#b goes on where it should end (character 6)"],
    ["/v1/%zz", "the template /v1/%zz has malformed percent-encoding (character 8)"],
  ])("%j is refused", (text, message) => {
    expect(() => parsePathTemplate(text)).toThrow(new Error(message));
  });

  test("whatever the text, it is a template or an Error says why", () => {
    const signs = fc.string({ unit: fc.constantFrom(..."/{}*:=.%a1_ ".split("")) });
    fc.assert(
      fc.property(fc.oneof(signs, fc.string({ unit: "binary" })), (text) => {
        try {
          expect(parsePathTemplate(text).segments.length).toBeGreaterThan(0);
        } catch (error) {
          expect((error as Error).message).toContain(`the template ${text} `);
        }
      }),
    );
  });
});

describe("variableValue", () => {
  function valueIn(text: string, ...segments: string[]): string | undefined {
    const template = parsePathTemplate(text);
    const [variable] = template.variables;
    if (variable === undefined) throw new Error("no variable");
    return variableValue(template, variable, segments);
  }

  test.each([
    ["a%2Fb", "a/b"],
    ["a%20b", "a b"],
    ["a+b", "a+b"],
    ["%3a%3A%25", "::%"],
    ["%F0%9F%98%80", "😀"],
    ["%252F", "%2F"],
  ])("one segment: %s is %j", (segment, value) => {
    expect(valueIn("/v1/{id}", "v1", segment)).toBe(value);
    expect(valueIn("/v1/{id=*}", "v1", segment)).toBe(value);
  });

  test.each([
    ["a%2Fb", "a%2Fb"],
    ["a%2fb", "a%2fb"],
    ["%2F%2f", "%2F%2f"],
    ["a%20b%2Fc%3Ad", "a b%2Fc:d"],
    ["%252F", "%2F"],
  ])("several segments: %s is %j, its slash stays encoded", (segment, value) => {
    expect(valueIn("/v1/{id=a/*}", "v1", "a", segment)).toBe(`a/${value}`);
    expect(valueIn("/v1/{id=**}", "v1", segment)).toBe(value);
    expect(valueIn("/v1/{id=**}", "v1", "x", segment, "")).toBe(`x/${value}/`);
  });

  test.each(["%", "%2", "%zz", "%ff", "%C3", "%C3%2F", "a%2F%", "%ED%A0%80"])(
    "%s is malformed",
    (segment) => {
      expect(valueIn("/v1/{id}", "v1", segment)).toBeUndefined();
      expect(valueIn("/v1/{id=**}", "v1", "x", segment)).toBeUndefined();
    },
  );

  test("** takes what is left, nothing too", () => {
    expect(valueIn("/v1/{id=**}", "v1")).toBe("");
    expect(valueIn("/v1/{id=**}", "v1", "")).toBe("");
    expect(valueIn("/v1/{id=a/**}", "v1", "a")).toBe("a");
    expect(valueIn("/v1/{id=a/**}", "v1", "a", "b", "c")).toBe("a/b/c");
  });

  test("any value of one segment survives its encoding", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (value) => {
        expect(valueIn("/v1/{id}", "v1", encodeURIComponent(value))).toBe(value);
      }),
    );
  });

  test("any value of several segments survives its encoding, but for encoded slashes", () => {
    const segment = fc.string({ unit: "binary" }).filter((text) => !/\/|%2f/i.test(text));
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1 }), (segments) => {
        const encoded = segments.map((text) => encodeURIComponent(text));
        expect(valueIn("/v1/{id=**}", "v1", ...encoded)).toBe(segments.join("/"));
      }),
    );
  });
});
