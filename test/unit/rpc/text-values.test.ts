import { beforeAll, describe, expect, test } from "@jest/globals";
import { toJson, type DescField, type DescMessage } from "@bufbuild/protobuf";
import { isReflectMessage } from "@bufbuild/protobuf/reflect";
import * as fc from "fast-check";
import { fieldPathName, parseText, wrongText } from "../../../src/rpc/text-values.ts";
import { compileLibrary } from "../../support/library.ts";

let everything: DescMessage;

beforeAll(async () => {
  const echo = (await compileLibrary()).methods.find(({ name }) => name === "Echo");
  if (echo === undefined) throw new Error("the library has lost Echo");
  everything = echo.input;
});

function field(name: string): DescField {
  const found = everything.fields.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no field ${name}`);
  return found;
}

/** The value, messages as their JSON. */
function parsed(name: string, text: string): unknown {
  const value = parseText(field(name), text);
  return isReflectMessage(value) ? toJson(value.desc, value.message) : value;
}

const signed = ["int32", "sint32", "sfixed32", "int32_list", "int32_value"];
const unsigned = ["uint32", "fixed32", "uint32_value"];
const signed64 = ["int64", "sint64", "sfixed64", "int64_value"];
const unsigned64 = ["uint64", "fixed64", "uint64_value"];
const isString = (name: string) => name.endsWith("64_value");

function each(names: readonly string[], texts: readonly string[]): [name: string, text: string][] {
  return names.flatMap((name) => texts.map((text): [string, string] => [name, text]));
}

describe("values", () => {
  test.each([
    ...each(signed, ["0", "-1", "2147483647", "-2147483648", "007", "-0"]),
    ...each(unsigned, ["0", "4294967295", "-0"]),
  ])("%s %s", (name, text) => {
    expect(parsed(name, text)).toBe(Number(text) + 0);
  });

  test.each([
    ...each(signed64, ["0", "-1", "9223372036854775807", "-9223372036854775808"]),
    ...each(unsigned64, ["0", "18446744073709551615"]),
  ])("%s %s", (name, text) => {
    expect(parsed(name, text)).toBe(isString(name) ? text : BigInt(text));
  });

  test.each([
    ...each(["double", "double_value"], ["0", "-1.5", "1e3", "1E-3", "1.7976931348623157e308", "00.5"]),
    ...each(["float"], ["0.5", "3.4028234663852886e38"]),
  ])("%s %s", (name, text) => {
    expect(parsed(name, text)).toBe(Number(text));
  });

  test.each([
    ["string", "", ""],
    ["string", "Zoë 😀\u0000", "Zoë 😀\u0000"],
    ["optional_string", "a", "a"],
    ["string_list", "a,b", "a,b"],
    ["one", "a", "a"],
    ["bool", "true", true],
    ["bool", "false", false],
    ["color", "COLOR_RED", 1],
    ["color", "2", 2],
    ["color", "-7", -7],
    ["color_list", "COLOR_BLUE", 2],
    ["null_value", "NULL_VALUE", 0],
    ["double", "NaN", NaN],
    ["float", "Infinity", Infinity],
    ["double", "-Infinity", -Infinity],
    ["bytes", "", new Uint8Array()],
    ["bytes", "AQI=", new Uint8Array([1, 2])],
    ["bytes", "AQI", new Uint8Array([1, 2])],
    ["bytes", "-_8", new Uint8Array([251, 255])],
    ["bytes", "+/8=", new Uint8Array([251, 255])],
    ["bytes_list", "AQ==", new Uint8Array([1])],
    ["timestamp", "2026-03-14T09:26:53.589Z", "2026-03-14T09:26:53.589Z"],
    ["timestamp", "2026-03-14T10:26:53+01:00", "2026-03-14T09:26:53Z"],
    ["timestamp_list", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"],
    ["duration", "1.5s", "1.500s"],
    ["duration", "-3s", "-3s"],
    ["field_mask", "a,bC.d", "a,bC.d"],
    ["field_mask", "", ""],
    ["string_value", "", ""],
    ["string_value", "a", "a"],
    ["string_value_list", "a", "a"],
    ["bool_value", "true", true],
    ["bytes_value", "AQ", "AQ=="],
    ["float_value", "0.5", 0.5],
  ])("%s %j", (name, text, value) => {
    expect(parsed(name, text)).toEqual(value);
  });
});

describe("no values", () => {
  test.each([
    ...each(signed, ["", " 1", "1 ", "+1", "1.0", "1e3", "0x1", "2147483648", "-2147483649", "9".repeat(99)]),
    ...each(unsigned, ["", "-1", "4294967296", "a"]),
    ...each(signed64, ["", "9223372036854775808", "-9223372036854775809", "1n"]),
    ...each(unsigned64, ["", "-1", "18446744073709551616"]),
    ...each(["double", "double_value"], ["", " ", ".5", "5.", "1e", "0x1", "1e999", "inf", "nan", "1_0"]),
    ...each(["float", "float_value"], ["3.5e38", "1e39"]),
    ...each(["bool", "bool_value"], ["", "1", "0", "TRUE", "yes"]),
    ...each(["color"], ["", "RED", "color_red", "1.0", "2147483648"]),
    ...each(["bytes", "bytes_value"], ["A", "AQ=", "AQI==", "A=Q=", "AQ ==", "$$$$", "AAAAA", "==="]),
    ...each(["timestamp"], ["", "2026", "2026-03-14", "2026-13-01T00:00:00Z", "0000-01-01T00:00:00Z"]),
    ...each(["duration"], ["", "1", "1m", "1.0000000001s", "999999999999999s"]),
    ...each(["field_mask"], ["a_b"]),
    ...each(["string"], ["\ud800"]),
    // Messages and maps have no text.
    ...each(
      ["inner", "inner_list", "string_map", "any", "struct", "value", "list_value", "empty"],
      ["", "{}", "1"],
    ),
  ])("%s %j", (name, text) => {
    expect(parseText(field(name), text)).toBeUndefined();
  });
});

test.each([
  ["int32", "not a value of type int32"],
  ["int32_list", "not a value of type int32"],
  ["bytes", "not a value of type bytes"],
  ["color", "not a value of type test.library.v1.Color"],
  ["timestamp", "not a value of type google.protobuf.Timestamp"],
  ["inner", "not a value of type test.library.v1.Everything.Inner"],
  ["string_map", "not a value of type map"],
])("what is wrong with %s names its type, never the value", (name, description) => {
  const { failure } = wrongText([field("inner"), field(name)]);
  expect(failure).toEqual({
    name: "REQUEST_INVALID",
    text: `invalid value for inner.${name} in the URL: ${description}`,
    fields: [{ field: `inner.${name}`, description }],
  });
  expect(fieldPathName([field("inner"), field(name)])).toBe(`inner.${name}`);
});

test("whatever the text, it is a value or none", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.nat(), (text, index) => {
      const any = everything.fields[index % everything.fields.length];
      if (any === undefined) throw new Error("no fields");
      expect(() => parseText(any, text)).not.toThrow();
    }),
    { numRuns: 2_000 },
  );
});
