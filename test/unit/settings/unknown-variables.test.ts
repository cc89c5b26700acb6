// Variables with our prefix that are no setting.
import { describe, expect, test } from "@jest/globals";
import { loadConfig } from "../../../src/config.ts";
import { problemsOf } from "../../support/settings.ts";

describe("unknown variables", () => {
  test.each([
    ["COUNTERSIGN_LISTN", "LISTEN"],
    ["COUNTERSIGN_LITSEN", "LISTEN"],
    ["COUNTERSIGN_LOGLEVEL", "LOG_LEVEL"],
    ["COUNTERSIGN_SMTP_URI", "SMTP_URL"],
    ["COUNTERSIGN_SMTP", "SMTP_URL"],
    ["COUNTERSIGN_DATABASE", "DATABASE_URL"],
    ["COUNTERSIGN_CODE_TTL_SECONDS", "CODE_TTL"],
    ["COUNTERSIGN_SECRET_KEYS", "SECRET_KEY"],
    ["COUNTERSIGN_SECRET_KEY_FIL", "SECRET_KEY_FILE"],
  ])("%s is refused: %s is meant", (variable, meant) => {
    expect(problemsOf({ [variable]: "hunter2" })).toEqual([
      `${variable}: is not a setting; did you mean COUNTERSIGN_${meant}?`,
    ]);
  });

  test.each(["COUNTERSIGN_WEATHER", "COUNTERSIGN_HOST", "COUNTERSIGN_"])("%s is warned about", (variable) => {
    expect(loadConfig({ [variable]: "hunter2" })).toMatchObject({
      ok: true,
      warnings: [`${variable} is not a setting of this version and has no effect`],
    });
  });

  test.each([
    "COUNTERSIGN_PORT",
    "COUNTERSIGN_PORT_8080_TCP",
    "COUNTERSIGN_PORT_8080_TCP_ADDR",
    "COUNTERSIGN_SERVICE_HOST",
    "COUNTERSIGN_SERVICE_PORT",
    "COUNTERSIGN_SERVICE_PORT_HTTP",
    "countersign_listn",
    "COUNTERSIGNER_LISTN",
    "LISTN",
  ])("%s is not ours to judge", (variable) => {
    expect(loadConfig({ [variable]: "tcp://10.0.0.1:8080" })).toMatchObject({ ok: true, warnings: [] });
  });

  test("a blank one is not set", () => {
    expect(loadConfig({ COUNTERSIGN_LISTN: "" })).toMatchObject({ ok: true, warnings: [] });
  });
});
