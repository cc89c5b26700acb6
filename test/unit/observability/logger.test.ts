import { describe, expect, test } from "@jest/globals";
import { createLogger, type LogFormat, type LogLevel } from "../../../src/observability/logger.ts";
import { Secret } from "../../../src/observability/secret.ts";

function memoryLogger(format: LogFormat, level: LogLevel = "info", colors = false) {
  const lines: string[] = [];
  const logger = createLogger({ level, format, colors, destination: { write: (line) => lines.push(line) } });
  return { logger, lines };
}

describe("json", () => {
  test("is one object per line: level by name, ISO time, no process noise", () => {
    const { logger, lines } = memoryLogger("json");
    logger.info({ port: 8080 }, "serving");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/\n$/);
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      port: 8080,
      msg: "serving",
    });
  });

  test("has an error's message and stack", () => {
    const { logger, lines } = memoryLogger("json");
    logger.error({ err: new Error("disk full") }, "cannot go on");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({
      level: "error",
      err: { message: "disk full", stack: expect.stringContaining("logger.test") },
    });
  });

  test("has nothing else of an error: node hangs the URL on its URL errors, others what they like", () => {
    const { logger, lines } = memoryLogger("json");
    let error: unknown;
    try {
      error = new URL("no url ?code=ABC234");
    } catch (thrown) {
      error = Object.assign(thrown as Error, { request: { address: "ada@example.com" } });
    }
    logger.error({ err: new Error("outer", { cause: error }) }, "cannot go on");
    logger.error({ err: error }, "cannot go on");
    logger.error({ err: "no error at all" }, "cannot go on");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ err: { message: "outer: Invalid URL" } });
    expect(JSON.parse(lines[1] ?? "")).toMatchObject({
      err: { message: "Invalid URL", code: "ERR_INVALID_URL" },
    });
    for (const secret of ["ABC234", "ada@"]) expect(lines.join("")).not.toContain(secret);
  });
});

describe("pretty", () => {
  test("is readable text, one line per event", () => {
    const { logger, lines } = memoryLogger("pretty");
    logger.warn({ port: 8080 }, "serving");
    expect(lines.join("")).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] WARN: serving \{"port":8080\}\n$/);
  });

  test("colours only when asked to", () => {
    const coloured = memoryLogger("pretty", "info", true);
    coloured.logger.info("serving");
    // oxlint-disable-next-line no-control-regex -- the escape character is what a colour begins with
    expect(coloured.lines.join("")).toMatch(/\u001B\[/);
  });
});

test.each<[LogLevel, string[]]>([
  ["trace", ["trace", "debug", "info", "warn", "error"]],
  ["warn", ["warn", "error"]],
  ["silent", []],
])("level %s lets through %j", (level, expected) => {
  const { logger, lines } = memoryLogger("json", level);
  for (const name of ["trace", "debug", "info", "warn", "error"] as const) logger[name]("event");
  expect(lines.map((line) => JSON.parse(line).level)).toEqual(expected);
});

describe("redaction", () => {
  const password = "hunter2-hunter2";

  test.each<[string, object]>([
    ["a header", { headers: { authorization: password } }],
    ["a header of a request", { req: { headers: { authorization: password, cookie: password } } }],
    ["a header with a dash", { headers: { "proxy-authorization": password, "set-cookie": [password] } }],
    ["a top-level dashed name", { "proxy-authorization": password }],
    ["a capitalized header", { metadata: { Authorization: password } }],
    ["a token", { token: password }],
    ["SMTP credentials", { smtp: { auth: { password } } }],
    [
      "a header in capitals, with quotes and backslashes in it",
      { a: { b: { c: { AUTHORIZATION: `"\\\\${password}\\"]` } } } },
    ],
    ["a list with brackets in it", { "set-cookie": ['a="]"', password] }],
    ["a Secret", { anything: { at: { any: { depth: new Secret(password) } } } }],
  ])("%s is not written, as JSON or as text", (_, fields) => {
    for (const format of ["json", "pretty"] as const) {
      const { logger, lines } = memoryLogger(format);
      logger.info(fields, "event");
      logger.child(fields).info("event");
      expect(lines).toHaveLength(2);
      expect(lines.join("")).not.toContain(password);
      expect(lines.join("")).toMatch(/\[redacted\]|\[secret\]/);
    }
  });

  test("leaves texts alone that only talk of such names", () => {
    const { logger, lines } = memoryLogger("json");
    const fields = { tokenId: "token-1", text: '{"token":"in a text"}', cookies: "none" };
    logger.info(fields, 'the "token":"is wrong"');
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ ...fields, msg: 'the "token":"is wrong"' });
  });

  test("leaves the caller's object alone", () => {
    const { logger } = memoryLogger("json");
    const fields = { headers: { authorization: password } };
    logger.info(fields, "event");
    expect(fields.headers.authorization).toBe(password);
  });
});
