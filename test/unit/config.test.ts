// What loading gives: the defaults, flags before variables, all problems at once. The settings themselves are in settings/.
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { renderSettingsTable, settingFlags } from "../../src/config.ts";
import { load, problemsOf } from "../support/settings.ts";

const KEY = Buffer.alloc(32, 1).toString("base64");

describe("defaults", () => {
  test("are a service on loopback with everything under ./data", () => {
    expect(load({})).toEqual({
      listen: { host: "127.0.0.1", port: 8080 },
      connectionsPerAddress: 4_096,
      publicUrl: undefined,
      dataDir: "data",
      databasePath: join("data", "countersign.db"),
      postgres: undefined,
      adminToken: undefined,
      replaceAdminToken: false,
      secretKeys: undefined,
      smtpServers: [],
      mailWebhook: undefined,
      devInbox: undefined,
      mailFrom: { name: "Countersign", address: "no-reply@localhost" },
      defaultLanguage: "en",
      mailTemplates: undefined,
      mailLink: true,
      addressChangeNotice: false,
      codeLength: 6,
      codeAlphabet: "ABCDEFGHJKLMNPQRSTUVWXYZ23456789",
      codeTtlMs: 3_600_000,
      codeMaxAttempts: 5,
      liveCodes: 1,
      maxFailuresPerDay: 100,
      sendCooldownMs: 0,
      sendsPerHour: 0,
      userSendsPerHour: 0,
      principalSendsPerHour: 0,
      clientSendsPerHour: 0,
      limits: "enforce",
      testMailsPerHour: 20,
      eventClientAddress: false,
      eventRetentionMs: "forever",
      jwt: undefined,
      deliveryRetentionMs: 2_592_000_000,
      eraseAfterMs: 2_592_000_000,
      trustedProxies: [],
      urlTemplateHosts: undefined,
      verifyRedirectHosts: [],
      tls: undefined,
      corsOrigins: undefined,
      logLevel: "info",
      logFormat: undefined,
      metricsListen: undefined,
      directUnary: true,
      shutdownGraceMs: 10_000,
    });
  });

  test.each(["", "  ", "\n", undefined])("hold where a variable is %j", (blank) => {
    const names = [...renderSettingsTable().matchAll(/^\| `(COUNTERSIGN_\w+)`/gm)].map(
      ([, name = ""]) => name,
    );
    expect(names).toHaveLength(settingFlags.length);
    expect(load(Object.fromEntries(names.map((name) => [name, blank])))).toEqual(load({}));
  });
});

test("a flag wins over its variable, a blank one does not", () => {
  const env = { COUNTERSIGN_CODE_TTL: "1h" };
  expect(load(env, { codeTtl: "2h" }).codeTtlMs).toBe(7_200_000);
  expect(load(env, { codeTtl: " " }).codeTtlMs).toBe(3_600_000);
});

test("the config cannot be changed", () => {
  const config = load({ COUNTERSIGN_SMTP_URL: "smtp://a.example", COUNTERSIGN_SECRET_KEY: KEY });
  for (const part of [config, config.listen, config.smtpServers, config.smtpServers[0], config.secretKeys]) {
    expect(Object.isFrozen(part)).toBe(true);
  }
});

test("all problems come at once", () => {
  const problems = problemsOf({
    COUNTERSIGN_LISTEN: "x",
    COUNTERSIGN_ADMIN_TOKEN: "short",
    COUNTERSIGN_CODE_TTL: "1y",
    COUNTERSIGN_LISTN: "127.0.0.1:80",
  });
  expect(problems.map((problem) => problem.split(":")[0])).toEqual([
    "COUNTERSIGN_LISTEN",
    "COUNTERSIGN_ADMIN_TOKEN",
    "COUNTERSIGN_CODE_TTL",
    "COUNTERSIGN_LISTN",
  ]);
});
