import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { loadConfig, renderSettingsTable, settingFlags, type Config } from "../../src/config.ts";
import { makeCertificate } from "../support/certificate.ts";

type Env = Record<string, string | undefined>;

const KEY = Buffer.alloc(32, 1).toString("base64");
const OLDER_KEY = Buffer.alloc(32, 0xfe).toString("base64");
const TOKEN = "0123456789abcdef0123456789abcdef";
const COUNTERSIGN_MAIL_WEBHOOK_SECRET = `whsec_${Buffer.alloc(24, 1).toString("base64")}`;

function load(env: Env, flags: Env = {}): Config {
  const result = loadConfig(env, flags);
  if (!result.ok) throw new Error(result.problems.join("\n"));
  return result.config;
}

function problemsOf(env: Env, flags: Env = {}): readonly string[] {
  const result = loadConfig(env, flags);
  return result.ok ? [] : result.problems;
}

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "countersign-config-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

function fileWith(content: string): string {
  const path = join(directory, `keys-${Math.random()}`);
  writeFileSync(path, content);
  return path;
}

describe("defaults", () => {
  test("are a service on loopback with everything under ./data", () => {
    expect(load({})).toEqual({
      listen: { host: "127.0.0.1", port: 8080 },
      publicUrl: undefined,
      dataDir: "data",
      databasePath: join("data", "countersign.db"),
      adminToken: undefined,
      secretKeys: undefined,
      smtpServers: [],
      mailWebhook: undefined,
      devInbox: undefined,
      mailFrom: { name: "Countersign", address: "no-reply@localhost" },
      defaultLanguage: "en",
      mailTemplates: undefined,
      mailLink: true,
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
      trustedProxies: [],
      urlTemplateHosts: undefined,
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

  test("a PostgreSQL URL is taken apart, its password a secret, with the settings that go with it", () => {
    const { postgres } = load({
      COUNTERSIGN_DATABASE_URL: "postgresql://ada:p%40ss@[::1]:6432/verify?sslmode=require",
      COUNTERSIGN_DATABASE_POOLER: "transaction",
      COUNTERSIGN_SECRET_KEY: KEY,
      COUNTERSIGN_ADMIN_TOKEN: "t".repeat(32),
    });
    expect(postgres).toEqual({
      host: "::1",
      port: 6432,
      database: "verify",
      user: "ada",
      password: expect.anything(),
      tls: { mode: "require", rootCertificateFile: undefined },
      poolSize: 10,
      statementTimeoutMs: 3_000,
      lockTimeoutMs: 1_000,
      pooler: "transaction",
    });
    expect(postgres?.password?.reveal()).toBe("p@ss");
    expect(JSON.stringify(postgres)).not.toContain("p@ss");
  });

  test("instances on PostgreSQL need the same key and token: none makes its own", () => {
    const url = { COUNTERSIGN_DATABASE_URL: "postgres://u:p@h/db" };
    expect(problemsOf(url)).toEqual([
      expect.stringMatching(/^COUNTERSIGN_SECRET_KEY: not set, and instances that share/),
      expect.stringMatching(/^COUNTERSIGN_ADMIN_TOKEN: not set, and instances that share/),
    ]);
    expect(
      problemsOf({ ...url, COUNTERSIGN_SECRET_KEY: KEY, COUNTERSIGN_ADMIN_TOKEN: "t".repeat(32) }),
    ).toEqual([]);
  });

  test("the database follows the data directory", () => {
    expect(load({ COUNTERSIGN_DATA_DIR: "/var/lib/x" }).databasePath).toBe("/var/lib/x/countersign.db");
  });
});

describe("good values", () => {
  test.each<[string, string, Partial<Config>]>([
    ["LISTEN", "0.0.0.0:0", { listen: { host: "0.0.0.0", port: 0 } }],
    ["LISTEN", "[::1]:8080", { listen: { host: "::1", port: 8080 } }],
    ["LISTEN", "[::]:65535", { listen: { host: "::", port: 65535 } }],
    ["LISTEN", "localhost:80", { listen: { host: "localhost", port: 80 } }],
    ["LISTEN", " mail-1.example.com:80\n", { listen: { host: "mail-1.example.com", port: 80 } }],
    ["PUBLIC_URL", "https://Verify.example.com/", { publicUrl: "https://verify.example.com" }],
    ["PUBLIC_URL", "http://[::1]:8080", { publicUrl: "http://[::1]:8080" }],
    ["DATA_DIR", "./a/../b", { dataDir: "b" }],
    ["DATABASE_URL", "sqlite:x.db", { databasePath: "x.db", postgres: undefined }],
    ["DATABASE_URL", "sqlite:./x y.db", { databasePath: "x y.db" }],
    ["DATABASE_URL", "sqlite:/var/x.db", { databasePath: "/var/x.db" }],
    ["DATABASE_URL", "sqlite:///var/x.db", { databasePath: "/var/x.db" }],
    ["METRICS_LISTEN", "127.0.0.1:9464", { metricsListen: { host: "127.0.0.1", port: 9464 } }],
    ["DEV_INBOX", "on", { devInbox: true }],
    ["DEV_INBOX", "off", { devInbox: false }],
    ["DEFAULT_LANGUAGE", "PT-br", { defaultLanguage: "pt-BR" }],
    ["MAIL_TEMPLATES", "/etc/countersign/mail", { mailTemplates: "/etc/countersign/mail" }],
    ["MAIL_LINK", "off", { mailLink: false }],
    ["MAIL_FROM", "accounts@example.com", { mailFrom: { name: "", address: "accounts@example.com" } }],
    ["MAIL_FROM", "Ada L <a@b.example>", { mailFrom: { name: "Ada L", address: "a@b.example" } }],
    [
      "MAIL_FROM",
      String.raw`"Ex, \"Inc\"" <a@b.example>`,
      { mailFrom: { name: 'Ex, "Inc"', address: "a@b.example" } },
    ],
    ["CODE_LENGTH", "20", { codeLength: 20 }],
    ["CODE_LENGTH", "4", { codeLength: 4 }],
    ["CODE_ALPHABET", "0123456789abcdef", { codeAlphabet: "0123456789abcdef" }],
    ["CODE_TTL", "90s", { codeTtlMs: 90_000 }],
    ["CODE_TTL", "1m", { codeTtlMs: 60_000 }],
    ["CODE_TTL", "15m", { codeTtlMs: 900_000 }],
    ["CODE_TTL", "2d", { codeTtlMs: 172_800_000 }],
    ["CODE_TTL", "168h", { codeTtlMs: 604_800_000 }],
    ["CODE_MAX_ATTEMPTS", "1000", { codeMaxAttempts: 1000 }],
    ["LIVE_CODES", "5", { liveCodes: 5 }],
    ["FAILURES_PER_DAY", "0", { maxFailuresPerDay: 0 }],
    ["SEND_COOLDOWN", "90s", { sendCooldownMs: 90_000 }],
    ["SENDS_PER_HOUR", "5", { sendsPerHour: 5 }],
    ["USER_SENDS_PER_HOUR", "100000", { userSendsPerHour: 100_000 }],
    ["PRINCIPAL_SENDS_PER_HOUR", "10000000", { principalSendsPerHour: 10_000_000 }],
    ["CLIENT_SENDS_PER_HOUR", "1", { clientSendsPerHour: 1 }],
    ["LIMITS", "dry-run", { limits: "dry-run" }],
    ["TRUSTED_PROXIES", "10.0.0.0/8, ::1", { trustedProxies: ["10.0.0.0/8", "::1"] }],
    [
      "URL_TEMPLATE_HOSTS",
      "App.example.com, localhost:3000,*.Example.org,bücher.example,[::1]:80",
      {
        urlTemplateHosts: [
          "app.example.com",
          "localhost:3000",
          "*.example.org",
          "xn--bcher-kva.example",
          "[::1]:80",
        ],
      },
    ],
    ["LOG_LEVEL", "silent", { logLevel: "silent" }],
    ["LOG_FORMAT", "pretty", { logFormat: "pretty" }],
    ["SHUTDOWN_GRACE", "0s", { shutdownGraceMs: 0 }],
    ["SHUTDOWN_GRACE", "1500ms", { shutdownGraceMs: 1500 }],
    ["CORS_ORIGINS", "*", { corsOrigins: ["*"] }],
    [
      "CORS_ORIGINS",
      "https://App.example.com/, http://localhost:5173,https://b.example:443",
      { corsOrigins: ["https://app.example.com", "http://localhost:5173", "https://b.example"] },
    ],
  ])("%s=%s", (name, text, expected) => {
    expect(load({ [`COUNTERSIGN_${name}`]: text })).toMatchObject(expected);
  });

  test("every example and every default in the table is one", () => {
    for (const line of renderSettingsTable().split("\n").slice(2)) {
      const [, variable = "", fallback = "", example = ""] = line
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll("\\|", "|"));
      const name = variable.replaceAll("`", "");
      for (const text of [fallback, example].map((cell) => /^`([^`]*)`$/.exec(cell)?.[1])) {
        if (text === undefined || /\$\(|<data dir>|\/run\/secrets/.test(text)) continue;
        const others = name === "COUNTERSIGN_MAIL_WEBHOOK_URL" ? { COUNTERSIGN_MAIL_WEBHOOK_SECRET } : {};
        expect([name, text, problemsOf({ ...others, [name]: text })]).toEqual([name, text, []]);
      }
    }
  });

  test("a flag wins over its variable, a blank one does not", () => {
    const env = { COUNTERSIGN_CODE_TTL: "1h" };
    expect(load(env, { codeTtl: "2h" }).codeTtlMs).toBe(7_200_000);
    expect(load(env, { codeTtl: " " }).codeTtlMs).toBe(3_600_000);
  });

  test("the config cannot be changed", () => {
    const config = load({ COUNTERSIGN_SMTP_URL: "smtp://a.example", COUNTERSIGN_SECRET_KEY: KEY });
    for (const part of [
      config,
      config.listen,
      config.smtpServers,
      config.smtpServers[0],
      config.secretKeys,
    ]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });
});

describe("bad values", () => {
  test.each([
    ["LISTEN", "8080", "is not host:port"],
    ["LISTEN", ":8080", "has neither an IP address nor a host name before its port"],
    ["LISTEN", "localhost", "is not host:port"],
    ["LISTEN", "localhost:65536", "has a port above 65535"],
    ["LISTEN", "localhost:-1", "is not host:port"],
    ["LISTEN", "::1", "is not host:port: write [address]:port"],
    ["LISTEN", "[localhost]:80", "has no IPv6 address between its brackets"],
    ["LISTEN", "256.0.0.1:80", "has neither an IP address nor a host name before its port"],
    ["LISTEN", "a_b:80", "has neither an IP address nor a host name before its port"],
    ["LISTEN", "-a.example:80", "has neither an IP address nor a host name before its port"],
    ["LISTEN", "http://localhost:80", "is not host:port"],
    ["DATA_DIR", "a\0b", "has a NUL character"],
    ["DEV_INBOX", "true", "is not on or off"],
    ["DEFAULT_LANGUAGE", "German!", "is not a language tag, such as de or pt-BR"],
    ["MAIL_LINK", "no", "is not on or off"],
    ["MAIL_FROM", "Ada", "is not a mailbox: missing '@' or angle-addr"],
    ["MAIL_FROM", "a@b.example, c@d.example", "is not a mailbox: not a single local-part@domain"],
    ["MAIL_FROM", "a@-b.example", "is not a mailbox: hostname parts cannot begin with hyphens"],
    ["MAIL_FROM", "A\r\nBcc: x <a@b.example>", "is not a mailbox: malformed display name or angle brackets"],
    ["DATABASE_POOL_SIZE", "3", "is not a whole number from 4 to 200"],
    ["DATABASE_LOCK_TIMEOUT", "9ms", "is not between 10ms and 1m"],
    ["DATABASE_POOLER", "session", "is not none or transaction"],
    ["CODE_LENGTH", "3", "is not a whole number from 4 to 20"],
    ["CODE_LENGTH", "21", "is not a whole number from 4 to 20"],
    ["CODE_LENGTH", "6.5", "is not a whole number from 4 to 20"],
    ["CODE_LENGTH", "1e1", "is not a whole number from 4 to 20"],
    ["CODE_ALPHABET", "A", "has fewer than 2 symbols"],
    ["CODE_ALPHABET", "ABCA", "has a symbol twice"],
    ["CODE_ALPHABET", "AB C", "has symbols other than printable ASCII without spaces"],
    ["CODE_ALPHABET", "ABÜ", "has symbols other than printable ASCII without spaces"],
    ["CODE_TTL", "90", "is not a duration: a whole number and one of ms, s, m, h, d"],
    ["CODE_TTL", "1.5h", "is not a duration: a whole number and one of ms, s, m, h, d"],
    ["CODE_TTL", "59s", "is not between 1m and 7d"],
    ["CODE_TTL", "8d", "is not between 1m and 7d"],
    ["CODE_TTL", `${"9".repeat(50)}s`, "is not between 1m and 7d"],
    ["CODE_MAX_ATTEMPTS", "0", "is not a whole number from 1 to 1000"],
    ["CODE_MAX_ATTEMPTS", "1001", "is not a whole number from 1 to 1000"],
    ["LIVE_CODES", "0", "is not a whole number from 1 to 5"],
    ["LIVE_CODES", "6", "is not a whole number from 1 to 5"],
    ["FAILURES_PER_DAY", "100001", "is not a whole number from 0 to 100000"],
    ["SEND_COOLDOWN", "60", "is not a duration: a whole number and one of ms, s, m, h, d"],
    ["SEND_COOLDOWN", "2d", "is not between 0s and 1d"],
    ["SENDS_PER_HOUR", "-1", "is not a whole number from 0 to 100000"],
    ["PRINCIPAL_SENDS_PER_HOUR", "10000001", "is not a whole number from 0 to 10000000"],
    ["LIMITS", "off", "is not enforce or dry-run"],
    ["TRUSTED_PROXIES", "proxy.example.com", "is not an IP address, nor a network such as 10.0.0.0/8"],
    ["TRUSTED_PROXIES", "10.0.0.0/8/8", "is not an IP address, nor a network such as 10.0.0.0/8"],
    ["TRUSTED_PROXIES", "10.0.0.1,", "is not an IP address, nor a network such as 10.0.0.0/8 (entry 2 of 2)"],
    ["TRUSTED_PROXIES", "fe80::1%eth0", "is not an IP address, nor a network such as 10.0.0.0/8"],
    ["TRUSTED_PROXIES", "10.0.0.0/33", "has a prefix that is too long"],
    ["TRUSTED_PROXIES", "::/129", "has a prefix that is too long"],
    ["TRUSTED_PROXIES", "::1,0.0.0.0/0", "trusts everyone, who could then claim any address (entry 2 of 2)"],
    ["CORS_ORIGINS", "app.example.com", "is not an http:// or https:// URL"],
    ["CORS_ORIGINS", "null", "is not an http:// or https:// URL"],
    [
      "CORS_ORIGINS",
      "https://a.example/path",
      "has a path, query or fragment: only scheme, host and port are wanted",
    ],
    [
      "CORS_ORIGINS",
      "https://a.example,,https://b.example",
      "is not an http:// or https:// URL (origin 2 of 3)",
    ],
    ["CORS_ORIGINS", "https://a.example,*", "has other origins beside *, which stands for all"],
    ["CORS_ORIGINS", "https://*.example", "has a * within an origin: write each one out, or * alone for any"],
    ["URL_TEMPLATE_HOSTS", "https://a.example", "is not a list of host, host:port or *.example.com"],
    ["URL_TEMPLATE_HOSTS", "a.example,,b.example", "is not a list of host, host:port or *.example.com"],
    ["URL_TEMPLATE_HOSTS", "a.example/path", "is not a list of host, host:port or *.example.com"],
    ["URL_TEMPLATE_HOSTS", "user@a.example", "is not a list of host, host:port or *.example.com"],
    ["URL_TEMPLATE_HOSTS", "*", "is not a list of host, host:port or *.example.com"],
    ["URL_TEMPLATE_HOSTS", "a.*.example", "is not a list of host, host:port or *.example.com"],
    ["URL_TEMPLATE_HOSTS", "*.example.com:80", "has a wildcard before something other than a host name"],
    ["URL_TEMPLATE_HOSTS", "*.127.0.0.1", "has a wildcard before something other than a host name"],
    ["URL_TEMPLATE_HOSTS", "a.example:443", "has the default port 443: write the host alone"],
    ["LOG_LEVEL", "verbose", "is not trace, debug, info, warn, error or silent"],
    ["LOG_FORMAT", "text", "is not json or pretty"],
    ["SHUTDOWN_GRACE", "61m", "is not between 0s and 1h"],
  ])("%s=%s", (name, text, fault) => {
    const [problem = "", ...others] = problemsOf({ [`COUNTERSIGN_${name}`]: text });
    expect(others).toEqual([]);
    expect(problem).toContain(`COUNTERSIGN_${name}: "`);
    expect(problem).toContain(`" ${fault}; example: COUNTERSIGN_${name}=`);
    // oxlint-disable-next-line no-control-regex -- one line that a terminal can show
    expect(problem).not.toMatch(/[\u0000-\u001F\u007F-\u009F]/);
  });

  test.each([
    ["PUBLIC_URL", "verify.example.com", "is not an http:// or https:// URL"],
    ["PUBLIC_URL", "ftp://verify.example.com", "is not an http:// or https:// URL"],
    ["PUBLIC_URL", "https:verify.example.com", "is not an http:// or https:// URL"],
    ["PUBLIC_URL", "https://a:b@verify.example.com", "has credentials"],
    [
      "PUBLIC_URL",
      "https://verify.example.com/x",
      "has a path, query or fragment: only scheme, host and port are wanted",
    ],
    ["DATABASE_URL", "postgresql://h/db", "has no user name"],
    ["DATABASE_URL", "postgres://u@h", "has no name of a database after its host"],
    [
      "DATABASE_URL",
      "postgres://u:%@h/db",
      "has a percent sign that begins no percent-encoding (a percent sign itself is %25)",
    ],
    ["DATABASE_URL", "postgres:u@h/db", "is not postgres://user:password@host:port/database"],
    [
      "DATABASE_URL",
      "postgres://u@h/db?sslmode=prefer",
      "has an sslmode other than disable, require, verify-ca, verify-full",
    ],
    ["DATABASE_URL", "postgres://u@h/db?options=-c", "has a parameter other than sslmode and sslrootcert"],
    ["DATABASE_URL", "postgres://u@h/db?sslrootcert=x", "has sslrootcert without an sslmode that uses it"],
    ["DATABASE_URL", "countersign.db", "is neither sqlite:<path> nor postgres://user:password@host/database"],
    ["DATABASE_URL", "sqlite:", "has no path after sqlite:"],
    ["DATABASE_URL", "sqlite://x.db", "has no path after sqlite:"],
    ["DATABASE_URL", "sqlite::memory:", "is a database in memory, which cannot keep what it accepted"],
    ["DATABASE_URL", "sqlite:x.db?mode=ro", "has options: only a path is wanted"],
    ["ADMIN_TOKEN", "0123456789abcdef0123456789abcde", "is shorter than 32 characters"],
    ["ADMIN_TOKEN", `${TOKEN} x`, "has characters other than printable ASCII without spaces"],
    ["SECRET_KEY", "hunter2", "is not 32 bytes in base64 (key 1 of 1)"],
    ["SECRET_KEY", `${KEY},${KEY.slice(4)}`, "is not 32 bytes in base64 (key 2 of 2)"],
    ["SECRET_KEY", `${KEY},${KEY}`, "has the same key twice (key 2)"],
    ["SECRET_KEY", ",", "has no key"],
    ["SECRET_KEY_FILE", "/nowhere/keys", "names a file that cannot be read (ENOENT)"],
    ["SECRET_KEY_FILE", "/", "names a file that cannot be read (EISDIR)"],
    ["SMTP_URL", "smtp.example.com:587", "does not begin with smtp:// or smtps://"],
    ["SMTP_URL", "smtp://", "has neither an IP address nor a host name"],
    [
      "SMTP_URL",
      "smtp://u:p#w@h",
      "is not smtp://user:password@host:port (percent-encode / ? # @ % and commas in user and password)",
    ],
    [
      "SMTP_URL",
      "smtp://h/path",
      "is not smtp://user:password@host:port (percent-encode / ? # @ % and commas in user and password)",
    ],
    [
      "SMTP_URL",
      "smtp://h ost",
      "is not smtp://user:password@host:port (percent-encode / ? # @ % and commas in user and password)",
    ],
    ["SMTP_URL", "smtp://a_b", "has neither an IP address nor a host name"],
    ["SMTP_URL", "smtp://h:0", "has port 0"],
    ["SMTP_URL", "smtp://u@h", "has only one of user and password"],
    ["SMTP_URL", "smtp://:p@h", "has only one of user and password"],
    [
      "SMTP_URL",
      "smtp://u:100%sure@h",
      "has credentials with a control character or broken percent-encoding (% itself is %25)",
    ],
    [
      "SMTP_URL",
      "smtp://u:p%00w@h",
      "has credentials with a control character or broken percent-encoding (% itself is %25)",
    ],
    ["SMTP_URL", "smtp://h,", "does not begin with smtp:// or smtps:// (server 2 of 2)"],
  ])("%s=%s is reported without the value", (name, text, fault) => {
    const [problem, ...others] = problemsOf({ [`COUNTERSIGN_${name}`]: text });
    expect(others).toEqual([]);
    expect(problem?.split("; example: ")[0]).toBe(`COUNTERSIGN_${name}: the value ${fault}`);
    expect(problem).toContain(`; example: COUNTERSIGN_${name}=`);
  });

  test("a flag is named with its variable", () => {
    expect(problemsOf({}, { codeTtl: "90" })).toEqual([
      'COUNTERSIGN_CODE_TTL (--code-ttl): "90" is not a duration: a whole number and one of ms, s, m, h, d; example: --code-ttl 15m',
    ]);
  });

  test("examples are quoted where a shell would need it", () => {
    expect(problemsOf({ COUNTERSIGN_MAIL_FROM: "x" })[0]).toMatch(/MAIL_FROM='Example Accounts <.*>'$/);
  });

  test("a long value is cut", () => {
    expect(problemsOf({ COUNTERSIGN_LOG_LEVEL: "x".repeat(1000) })[0]?.length).toBeLessThan(250);
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
});

describe("the strength of codes", () => {
  test.each([
    [
      "0123456789",
      "5",
      "5 symbols out of an alphabet of 10 give 16.6 bits of entropy, fewer than 19; example: COUNTERSIGN_CODE_LENGTH=6",
    ],
    [
      "01",
      "18",
      "18 symbols out of an alphabet of 2 give 18 bits of entropy, fewer than 19; example: COUNTERSIGN_CODE_LENGTH=19",
    ],
    [
      "ABCDEFGHJKLMNPQRSTUVWXYZ",
      "4",
      "4 symbols out of an alphabet of 24 give 18.3 bits of entropy, fewer than 19; example: COUNTERSIGN_CODE_LENGTH=5",
    ],
  ])("%s, %s symbols: too weak", (alphabet, length, fault) => {
    const env = { COUNTERSIGN_CODE_ALPHABET: alphabet, COUNTERSIGN_CODE_LENGTH: length };
    expect(problemsOf(env)).toEqual([`COUNTERSIGN_CODE_LENGTH: ${fault}`]);
  });

  test.each([
    ["0123456789", "7"],
    ["01", "20"],
    ["ABCDEFGHJKLMNPQRSTUVWXYZ23456789", "4"],
  ])("%s, %s symbols: enough", (alphabet, length) => {
    expect(problemsOf({ COUNTERSIGN_CODE_ALPHABET: alphabet, COUNTERSIGN_CODE_LENGTH: length })).toEqual([]);
  });
});

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

describe("an HTTP provider", () => {
  const SECRET = COUNTERSIGN_MAIL_WEBHOOK_SECRET;
  const LONG_SECRET = `whsec_${Buffer.alloc(64, 2).toString("base64")}`;
  const URL_TEXT = "https://mailer.example.com/hooks/T0KEN?x=1";
  const env = (url: string, secret = SECRET, more: Env = {}) => ({
    COUNTERSIGN_MAIL_WEBHOOK_URL: url,
    COUNTERSIGN_MAIL_WEBHOOK_SECRET: secret,
    ...more,
  });

  test("its URL, secrets and whether it may be private", () => {
    const settings = env(URL_TEXT, `${LONG_SECRET}  ${SECRET}`, { COUNTERSIGN_MAIL_WEBHOOK_PRIVATE: "on" });
    const config = load(settings);
    expect(config.mailWebhook?.url.reveal()).toBe(URL_TEXT);
    expect(config.mailWebhook?.secrets.map((secret) => secret.reveal())).toEqual([
      Buffer.alloc(64, 2),
      Buffer.alloc(24, 1),
    ]);
    expect(config.mailWebhook?.allowPrivate).toBe(true);
    expect(inspect(config, { depth: 9 })).not.toMatch(/T0KEN|whsec_|AQEB/);
    expect(load(env(URL_TEXT)).mailWebhook?.allowPrivate).toBe(false);
  });

  test.each([
    ["http://127.0.0.1:9000/x", "off"],
    ["http://[::1]:9000/x", "off"],
    ["http://localhost:9000/x", "on"],
    ["https://10.0.0.7/x", "off"],
    ["https://mailer.svc.cluster.local/x", "on"],
  ])("%s, private %s", (url, isPrivate) => {
    const config = load(env(url, SECRET, { COUNTERSIGN_MAIL_WEBHOOK_PRIVATE: isPrivate }));
    expect(config.mailWebhook?.url.reveal()).toBe(url);
  });

  test.each([
    ["mailer.example.com", "is not an https:// URL"],
    ["https:mailer.example.com", "is not an https:// URL"],
    ["ftp://mailer.example.com", "is not an https:// URL"],
    ["https://mailer.example.com/a b", "is not an https:// URL"],
    ["http://mailer.example.com", "is http:// beyond this machine, and codes are sent over https:// only"],
    ["http://10.0.0.7/", "is http:// beyond this machine, and codes are sent over https:// only"],
    ["https://a:b@c.example", "has credentials, which are not sent: what is posted is signed instead"],
    ["https://c.example/#x", "has a fragment (#), which is not sent"],
    ["https://a_b/", "has neither an IP address nor a host name"],
    ["https://c.example:0/", "has port 0"],
    [
      "http://localhost/",
      "leads to this machine by its name, which wants COUNTERSIGN_MAIL_WEBHOOK_PRIVATE=on",
    ],
    [
      "https://x.localhost/",
      "leads to this machine by its name, which wants COUNTERSIGN_MAIL_WEBHOOK_PRIVATE=on",
    ],
  ])("%s is refused without the value", (url, fault) => {
    const [problem, ...others] = problemsOf(env(url));
    expect(others).toEqual([]);
    expect(problem).toMatch(new RegExp(`^COUNTERSIGN_MAIL_WEBHOOK_URL: the value .*; example: COUNTERSIGN_`));
    expect(problem).toContain(fault);
  });

  test.each([
    ["hunter2", "(secret 1 of 1)"],
    [SECRET.slice(6), "(secret 1 of 1)"],
    [`${SECRET} whsec_${Buffer.alloc(23).toString("base64")}`, "(secret 2 of 2)"],
    [`whsec_${Buffer.alloc(65).toString("base64")}`, "(secret 1 of 1)"],
    [`${SECRET},${LONG_SECRET}`, "(secret 1 of 1)"],
  ])("the secret %s is refused without the value", (secret, place) => {
    expect(problemsOf(env(URL_TEXT, secret))).toEqual([
      `COUNTERSIGN_MAIL_WEBHOOK_SECRET: the value is not whsec_ and 24 to 64 bytes in base64 ${place}; ` +
        'example: COUNTERSIGN_MAIL_WEBHOOK_SECRET="whsec_$(openssl rand -base64 32)"',
    ]);
  });

  test("a secret given twice is refused", () => {
    expect(problemsOf(env(URL_TEXT, `${SECRET} ${SECRET}`))[0]).toContain(
      "the value has the same secret twice (secret 2 of 2)",
    );
  });

  test.each([
    ["URL", "SECRET", URL_TEXT, '"whsec_$(openssl rand -base64 32)"'],
    ["SECRET", "URL", SECRET, "https://mailer.example.com/countersign"],
  ])("%s without %s is refused", (one, other, text, example) => {
    const [set, missing] = [`COUNTERSIGN_MAIL_WEBHOOK_${one}`, `COUNTERSIGN_MAIL_WEBHOOK_${other}`];
    expect(problemsOf({ [set]: text })).toEqual([
      `${set}: set without ${missing}: set both or none; example: ${missing}=${example}`,
    ]);
  });

  test("beside an SMTP server it is refused", () => {
    expect(problemsOf(env(URL_TEXT, SECRET, { COUNTERSIGN_SMTP_URL: "smtp://mail.example.com" }))).toEqual([
      "COUNTERSIGN_SMTP_URL: set together with COUNTERSIGN_MAIL_WEBHOOK_URL, and mail goes one way only: " +
        "keep one of them; example: COUNTERSIGN_MAIL_WEBHOOK_URL=https://mailer.example.com/countersign",
    ]);
  });
});

describe("TLS", () => {
  const pair = makeCertificate();
  const problemsWith = (cert: string, key: string) =>
    problemsOf({ COUNTERSIGN_TLS_CERT: fileWith(cert), COUNTERSIGN_TLS_KEY: fileWith(key) });

  test("a certificate and its key", () => {
    const [certificateFile, keyFile] = [fileWith(pair.certificate), fileWith(pair.key)];
    const { tls } = load({ COUNTERSIGN_TLS_CERT: certificateFile }, { tlsKey: keyFile });
    expect(tls).toEqual({ certificateFile, keyFile });
  });

  test.each([
    ["CERT", "KEY"],
    ["KEY", "CERT"],
  ])("TLS_%s without TLS_%s", (one, other) => {
    const file = fileWith(one === "CERT" ? pair.certificate : pair.key);
    expect(problemsOf({ [`COUNTERSIGN_TLS_${one}`]: file })).toEqual([
      `COUNTERSIGN_TLS_${one}: set without COUNTERSIGN_TLS_${other}: set both or none; ` +
        `example: COUNTERSIGN_TLS_${other}=/run/secrets/countersign-tls.${other === "CERT" ? "crt" : "key"}`,
    ]);
  });

  test("the key of another certificate", () => {
    expect(problemsWith(pair.certificate, makeCertificate().key)).toEqual([
      "COUNTERSIGN_TLS_KEY: names a file whose key is not that of the certificate in COUNTERSIGN_TLS_CERT; " +
        "example: COUNTERSIGN_TLS_KEY=/run/secrets/countersign-tls.key",
    ]);
  });

  test.each([
    ["no PEM", "nothing", "nothing", "holds no certificate in PEM", "holds no private key in PEM"],
    [
      "the one for the other",
      pair.key,
      pair.certificate,
      "holds no certificate in PEM",
      "holds no private key in PEM",
    ],
  ])("%s", (_name, cert, key, certFault, keyFault) => {
    const [first, second, ...more] = problemsWith(cert, key);
    expect(first).toMatch(
      new RegExp(`^COUNTERSIGN_TLS_CERT: ".*" names a file that ${certFault}; example: `),
    );
    expect(second).toMatch(
      new RegExp(`^COUNTERSIGN_TLS_KEY: the value names a file that ${keyFault}; example: `),
    );
    expect(more).toEqual([]);
  });

  test("a key under a passphrase", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const key = privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" });
    expect(problemsWith(pair.certificate, String(key))[0]).toMatch(
      "COUNTERSIGN_TLS_KEY: the value names a file whose key is under a passphrase, which cannot be given; ",
    );
  });

  test("files that are not there", () => {
    const env = { COUNTERSIGN_TLS_CERT: "/nowhere/a.crt", COUNTERSIGN_TLS_KEY: "/nowhere/a.key" };
    expect(problemsOf(env)).toEqual([
      expect.stringMatching(
        /^COUNTERSIGN_TLS_CERT: "\/nowhere\/a.crt" names a file that cannot be read \(ENOENT\); /,
      ),
      expect.stringMatching(/^COUNTERSIGN_TLS_KEY: the value names a file that cannot be read \(ENOENT\); /),
    ]);
  });
});

describe("SMTP servers", () => {
  const serversOf = (text: string) =>
    load({ COUNTERSIGN_SMTP_URL: text }).smtpServers.map(({ password, ...server }) =>
      password === undefined ? server : { ...server, password: password.reveal() },
    );

  test.each<[string, object[]]>([
    ["smtp://mail.example.com", [{ host: "mail.example.com", port: 587, secure: false }]],
    ["smtps://mail.example.com/", [{ host: "mail.example.com", port: 465, secure: true }]],
    ["SMTP://[::1]:2525", [{ host: "::1", port: 2525, secure: false }]],
    ["smtp://127.0.0.1:25", [{ host: "127.0.0.1", port: 25, secure: false }]],
    ["smtp://ada:secret@h:1", [{ host: "h", port: 1, secure: false, user: "ada", password: "secret" }]],
    [
      "smtps://ada%40example.com:a%2Fb%2C%25:c@h",
      [{ host: "h", port: 465, secure: true, user: "ada@example.com", password: "a/b,%:c" }],
    ],
    [
      "smtps://u:p@a.example, smtp://b.example:25",
      [
        { host: "a.example", port: 465, secure: true, user: "u", password: "p" },
        { host: "b.example", port: 25, secure: false },
      ],
    ],
  ])("%s", (text, servers) => {
    expect(serversOf(text)).toEqual(servers);
  });
});

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

  test.each(["COUNTERSIGN_JWT_ISSUER", "COUNTERSIGN_HOST", "COUNTERSIGN_"])(
    "%s is warned about",
    (variable) => {
      expect(loadConfig({ [variable]: "hunter2" })).toMatchObject({
        ok: true,
        warnings: [`${variable} is not a setting of this version and has no effect`],
      });
    },
  );

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

describe("the table", () => {
  test("has a row per setting, and no cell that breaks it", () => {
    const lines = renderSettingsTable().split("\n");
    expect(lines).toHaveLength(settingFlags.length + 2);
    for (const line of lines) expect(line.split(/(?<!\\)\|/)).toHaveLength(6);
    expect(lines).toContain(
      "| `COUNTERSIGN_CODE_TTL` | `1h` | `15m` | How long a code can be used, 1m to 7d. |",
    );
  });

  const readme = new URL("../../README.md", import.meta.url);
  const MARKED = /<!-- settings -->\n([^]*?)\n?<!-- \/settings -->/;

  test("is the one in README.md", () => {
    const marked = existsSync(readme) ? MARKED.exec(readFileSync(readme, "utf8"))?.[1]?.trim() : undefined;
    expect(marked ?? renderSettingsTable()).toBe(renderSettingsTable());
  });
});

test("flags are the variables in kebab case", () => {
  for (const { flag, description } of settingFlags) {
    const variable = /COUNTERSIGN_(\w+)/.exec(description)?.[1] ?? "";
    expect(flag.split(" ")[0]).toBe(`--${variable.toLowerCase().replaceAll("_", "-")}`);
  }
});
