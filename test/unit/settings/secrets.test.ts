// Whatever is wrong, no line and no printed config holds a secret.
import { inspect } from "node:util";
import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { loadConfig } from "../../../src/config.ts";
import { load, type Env } from "../../support/settings.ts";
import { fileWith } from "../../support/setting-files.ts";

const KEY = Buffer.alloc(32, 1).toString("base64");
const TOKEN = "0123456789abcdef0123456789abcdef";

describe("secrets stay secret", () => {
  // Long and odd enough not to stand in a message by chance.
  const secretText = fc
    .string({ minLength: 1, maxLength: 40, unit: "grapheme" })
    .map((text) => `S3cr3t${text.replaceAll("\0", "")}`)
    .filter((text) => text.trim() === text);
  const broken = fc.constantFrom<(secret: string) => Env>(
    (secret) => ({ COUNTERSIGN_ADMIN_TOKEN: secret.slice(0, 31) }),
    (secret) => ({ COUNTERSIGN_ADMIN_TOKEN: `${secret} ${secret}` }),
    (secret) => ({ COUNTERSIGN_SECRET_KEY: secret }),
    (secret) => ({ COUNTERSIGN_SECRET_KEY: `${KEY},${secret}` }),
    (secret) => ({ COUNTERSIGN_SECRET_KEY_FILE: secret }),
    (secret) => ({ COUNTERSIGN_SECRET_KEY_FILE: fileWith(secret) }),
    (secret) => ({ COUNTERSIGN_SMTP_URL: secret }),
    (secret) => ({ COUNTERSIGN_SMTP_URL: `smtp://user:${secret}%@mail.example.com` }),
    (secret) => ({ COUNTERSIGN_SMTP_URL: `smtp://user:${secret}@mail.example.com:0` }),
    (secret) => ({ COUNTERSIGN_SMTP_URL: `smtp://user:${encodeURIComponent(secret)}@mail_1` }),
    (secret) => ({ COUNTERSIGN_SMTP_URL: `smtp://ok.example,smtp://:${secret}@mail.example.com` }),
    (secret) => ({ COUNTERSIGN_DATABASE_URL: `postgres://user:${secret}@host/db` }),
    (secret) => ({ COUNTERSIGN_DATABASE_URL: `mysql://user:${secret}@host/db` }),
    (secret) => ({ COUNTERSIGN_PUBLIC_URL: `https://user:${secret}@host/` }),
    (secret) => ({ COUNTERSIGN_ADMIN_TOKN: secret }),
    (secret) => ({ COUNTERSIGN_SMTP_PASSWORD: secret, COUNTERSIGN_CODE_LENGTH: "x" }),
  );

  test("no problem line holds any part of one", () => {
    fc.assert(
      fc.property(secretText, broken, fc.boolean(), (secret, build, asFlags) => {
        const env = build(secret);
        const flags = Object.fromEntries(
          Object.entries(env).map(([name, text]) => [
            name
              .slice("COUNTERSIGN_".length)
              .toLowerCase()
              .replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
            text,
          ]),
        );
        const result = asFlags ? loadConfig({}, flags) : loadConfig(env);
        const printed = JSON.stringify(result) + inspect(result, { depth: 9 });
        expect(printed).not.toContain("S3cr3t");
      }),
      { numRuns: 500 },
    );
  });

  test("a config that is logged shows none", () => {
    const config = load({
      COUNTERSIGN_ADMIN_TOKEN: TOKEN,
      COUNTERSIGN_SECRET_KEY: KEY,
      COUNTERSIGN_SMTP_URL: "smtp://ada:hunter2@mail.example.com",
    });
    const printed = JSON.stringify(config) + inspect(config, { depth: 9, showHidden: true });
    expect(printed).not.toContain(TOKEN);
    expect(printed).not.toContain(KEY);
    expect(printed).not.toContain("hunter2");
    expect(printed).toContain("[secret]");
    expect(config.adminToken?.reveal()).toBe(TOKEN);
  });
});
