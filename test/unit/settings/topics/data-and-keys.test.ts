// Where data is kept, and the secrets that guard it.
import { describe, expect, test } from "@jest/globals";
import type { Config } from "../../../../src/config.ts";
import {
  expectRefused,
  expectRefusedUnshown,
  expectTaken,
  load,
  problemsOf,
} from "../../../support/settings.ts";
import { fileWith } from "../../../support/setting-files.ts";

const KEY = Buffer.alloc(32, 1).toString("base64");
const OLDER_KEY = Buffer.alloc(32, 0xfe).toString("base64");
const TOKEN = "0123456789abcdef0123456789abcdef";

test.each<Parameters<typeof expectTaken>>([["DATA_DIR", "./a/../b", { dataDir: "b" }]])("%s=%s", expectTaken);

test.each([["DATA_DIR", "a\0b", "has a NUL character"]])("%s=%s is refused", expectRefused);

test.each([
  ["ADMIN_TOKEN", "0123456789abcdef0123456789abcde", "is shorter than 32 characters"],
  ["ADMIN_TOKEN", `${TOKEN} x`, "has characters other than printable ASCII without spaces"],
  ["SECRET_KEY", "hunter2", "is not 32 bytes in base64 (key 1 of 1)"],
  ["SECRET_KEY", `${KEY},${KEY.slice(4)}`, "is not 32 bytes in base64 (key 2 of 2)"],
  ["SECRET_KEY", `${KEY},${KEY}`, "has the same key twice (key 2)"],
  ["SECRET_KEY", ",", "has no key"],
  ["SECRET_KEY_FILE", "/nowhere/keys", "names a file that cannot be read (ENOENT)"],
  ["SECRET_KEY_FILE", "/", "names a file that cannot be read (EISDIR)"],
])("%s=%s is refused without showing the value", expectRefusedUnshown);

describe("secret keys", () => {
  const bytesOf = (config: Config) =>
    config.secretKeys?.map((key) => Buffer.from(key.reveal()).toString("base64"));

  test.each([
    ["one key", KEY, [KEY]],
    ["without padding", KEY.replace("=", ""), [KEY]],
    ["base64url", OLDER_KEY.replaceAll("/", "_").replaceAll("+", "-"), [OLDER_KEY]],
    ["several, newest first", `${KEY}, ${OLDER_KEY}`, [KEY, OLDER_KEY]],
    ["several lines", `${KEY}\n${OLDER_KEY}\n`, [KEY, OLDER_KEY]],
  ])("%s", (_, text, keys) => {
    expect(bytesOf(load({ COUNTERSIGN_SECRET_KEY: text }))).toEqual(keys);
    expect(bytesOf(load({ COUNTERSIGN_SECRET_KEY_FILE: fileWith(text) }))).toEqual(keys);
  });

  test("a variable and a file at once are refused", () => {
    const env = { COUNTERSIGN_SECRET_KEY: KEY, COUNTERSIGN_SECRET_KEY_FILE: fileWith(KEY) };
    expect(problemsOf(env)).toEqual([
      "COUNTERSIGN_SECRET_KEY: set together with COUNTERSIGN_SECRET_KEY_FILE: keep one of them; " +
        "example: COUNTERSIGN_SECRET_KEY_FILE=/run/secrets/countersign-keys",
    ]);
  });

  test.each([
    ["", "has no key"],
    ["hunter2", "is not 32 bytes in base64 (key 1 of 1)"],
  ])("a file with %j is refused without its path", (content, fault) => {
    expect(problemsOf({ COUNTERSIGN_SECRET_KEY_FILE: fileWith(content) })[0]).toMatch(
      `COUNTERSIGN_SECRET_KEY_FILE: the value names a file whose content ${fault}; example: `,
    );
  });
});
