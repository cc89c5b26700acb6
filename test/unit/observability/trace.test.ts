// https://www.w3.org/TR/trace-context-2/, sections 3.2 and 3.3.
import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { parseTrace } from "../../../src/observability/trace.ts";

const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT_ID = "00f067aa0ba902b7";
const VALID = `00-${TRACE_ID}-${PARENT_ID}-01`;

describe("traceparent", () => {
  test("names the trace, the caller's span, and whether it is recorded", () => {
    expect(parseTrace(VALID, null)).toEqual({
      traceId: TRACE_ID,
      parentId: PARENT_ID,
      isSampled: true,
      state: undefined,
    });
  });

  test.each([
    ["00", false],
    ["01", true],
    ["02", false],
    ["ff", true],
  ])("flags %s: the last bit alone says sampled", (flags, isSampled) => {
    expect(parseTrace(`00-${TRACE_ID}-${PARENT_ID}-${flags}`, null)).toMatchObject({ isSampled });
  });

  test.each([
    ["a later version", `cc-${TRACE_ID}-${PARENT_ID}-01`],
    ["a later version with more in it", `cc-${TRACE_ID}-${PARENT_ID}-01-what-the-future-brings`],
  ])("%s is read as far as it is known", (_what, header) => {
    expect(parseTrace(header, null)).toMatchObject({ traceId: TRACE_ID, parentId: PARENT_ID });
  });

  test.each([
    ["no header", null],
    ["nothing", ""],
    ["two headers, joined", `${VALID}, ${VALID}`],
    ["upper case", VALID.toUpperCase()],
    ["white space around it", ` ${VALID} `],
    ["a line break after it", `${VALID}\n`],
    ["version ff", `ff-${TRACE_ID}-${PARENT_ID}-01`],
    ["version 00 with more in it", `${VALID}-00`],
    ["version 00 with a dash at the end", `${VALID}-`],
    ["a later version that goes on without a dash", `cc-${TRACE_ID}-${PARENT_ID}-01.x`],
    ["a trace id of zeros", `00-${"0".repeat(32)}-${PARENT_ID}-01`],
    ["a parent id of zeros", `00-${TRACE_ID}-${"0".repeat(16)}-01`],
    ["a trace id too short", `00-${TRACE_ID.slice(1)}-${PARENT_ID}-01`],
    ["a trace id too long", `00-0${TRACE_ID}-${PARENT_ID}-01`],
    ["a letter that is no digit", `00-${TRACE_ID.replace("4", "g")}-${PARENT_ID}-01`],
    ["no flags", `00-${TRACE_ID}-${PARENT_ID}`],
    ["one digit of flags", `00-${TRACE_ID}-${PARENT_ID}-1`],
    ["other separators", VALID.replaceAll("-", "_")],
  ])("%s counts as none", (_what, header) => {
    expect(parseTrace(header, "a=1")).toBeUndefined();
  });

  test("whatever comes, what is taken has the form that a log can hold", () => {
    const hex = fc.stringMatching(/^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/);
    fc.assert(
      fc.property(fc.oneof(hex, fc.string()), (header) => {
        const trace = parseTrace(header, null);
        if (trace === undefined) return;
        expect(trace.traceId).toMatch(/^[0-9a-f]{32}$/);
        expect(trace.parentId).toMatch(/^[0-9a-f]{16}$/);
      }),
    );
  });
});

describe("tracestate", () => {
  test.each([
    ["one member", "rojo=00f067aa0ba902b7"],
    ["several", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"],
    ["white space and empty members", "rojo=1 , \t congo=2,,"],
    ["a tenant and a system", "fw529a3039@dt=FfffffffCg"],
    ["a key that begins with a digit", "0a=1"],
    ["spaces within a value", "a=b c"],
    ["32 members", Array.from({ length: 32 }, (_, index) => `k${index}=v`).join(",")],
  ])("%s is kept as it came", (_what, state) => {
    expect(parseTrace(VALID, state)?.state).toBe(state);
  });

  test.each([
    ["nothing", ""],
    ["empty members alone", " , ,"],
    ["no value", "rojo"],
    ["an empty value", "rojo="],
    ["an equals sign in a value", "rojo=a=b"],
    ["an upper-case key", "Rojo=1"],
    ["a key twice", "rojo=1,rojo=2"],
    ["a letter beyond ASCII", "rojo=ü"],
    ["a control character", "rojo=a\u0001b"],
    ["a key of 257 letters", `${"k".repeat(257)}=v`],
    ["33 members", Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(",")],
    ["more than 512 characters", `a=${"v".repeat(250)},b=${"v".repeat(256)},c=1`],
  ])("%s is left out, the trace stays", (_what, state) => {
    expect(parseTrace(VALID, state)).toMatchObject({ traceId: TRACE_ID, state: undefined });
  });
});
