// Which database there is, and how a PostgreSQL server is talked to.
import { expect, test } from "@jest/globals";
import {
  expectRefused,
  expectRefusedUnshown,
  expectTaken,
  load,
  problemsOf,
} from "../../../support/settings.ts";
import { fileWith } from "../../../support/setting-files.ts";

const SHARED = {
  COUNTERSIGN_SECRET_KEY: Buffer.alloc(32, 1).toString("base64"),
  COUNTERSIGN_ADMIN_TOKEN: "t".repeat(32),
};

test("the database follows the data directory", () => {
  expect(load({ COUNTERSIGN_DATA_DIR: "/var/lib/x" }).databasePath).toBe("/var/lib/x/countersign.db");
});

test.each<Parameters<typeof expectTaken>>([
  ["DATABASE_URL", "sqlite:x.db", { databasePath: "x.db", postgres: undefined }],
  ["DATABASE_URL", "sqlite:./x y.db", { databasePath: "x y.db" }],
  ["DATABASE_URL", "sqlite:/var/x.db", { databasePath: "/var/x.db" }],
  ["DATABASE_URL", "sqlite:///var/x.db", { databasePath: "/var/x.db" }],
])("%s=%s", expectTaken);

test.each([
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
  [
    "DATABASE_URL",
    "postgres://u@h/db?sslmode=verify-full&sslrootcert=/nowhere/ca",
    "names a file that cannot be read (ENOENT)",
  ],
  ["DATABASE_URL", "postgres://u_v@h_/db", "has no host name or IP address"],
  ["DATABASE_URL", "countersign.db", "is neither sqlite:<path> nor postgres://user:password@host/database"],
  ["DATABASE_URL", "sqlite:", "has no path after sqlite:"],
  ["DATABASE_URL", "sqlite://x.db", "has no path after sqlite:"],
  ["DATABASE_URL", "sqlite::memory:", "is a database in memory, which cannot keep what it accepted"],
  ["DATABASE_URL", "sqlite:x.db?mode=ro", "has options: only a path is wanted"],
])("%s=%s is refused without showing the value", expectRefusedUnshown);

test.each([
  ["DATABASE_POOL_SIZE", "3", "is not a whole number from 4 to 200"],
  ["DATABASE_STATEMENT_TIMEOUT", "99ms", "is not between 100ms and 1m"],
  ["DATABASE_LOCK_TIMEOUT", "9ms", "is not between 10ms and 1m"],
  ["DATABASE_POOLER", "session", "is not none or transaction"],
])("%s=%s is refused", expectRefused);

test("a PostgreSQL URL is taken apart, its password a secret, with the settings that go with it", () => {
  const ca = fileWith("certificate");
  const { postgres } = load({
    ...SHARED,
    COUNTERSIGN_DATABASE_URL: `postgresql://ada:p%40ss@[::1]:6432/verify?sslmode=verify-full&sslrootcert=${ca}`,
    COUNTERSIGN_DATABASE_POOLER: "transaction",
  });
  expect(postgres).toEqual({
    host: "::1",
    port: 6432,
    database: "verify",
    user: "ada",
    password: expect.anything(),
    tls: { mode: "verify-full", rootCertificateFile: ca },
    poolSize: 10,
    statementTimeoutMs: 3_000,
    lockTimeoutMs: 1_000,
    pooler: "transaction",
  });
  expect(postgres?.password?.reveal()).toBe("p@ss");
  expect(JSON.stringify(postgres)).not.toContain("p@ss");
});

test("without password and port there is none, and the usual one", () => {
  const { postgres } = load({ ...SHARED, COUNTERSIGN_DATABASE_URL: "postgres://ada@db.example/verify" });
  expect(postgres).toMatchObject({
    host: "db.example",
    port: 5432,
    password: undefined,
    tls: { mode: "disable", rootCertificateFile: undefined },
  });
});

test("instances on PostgreSQL need the same key and token: none makes its own", () => {
  const url = { COUNTERSIGN_DATABASE_URL: "postgres://u:p@h/db" };
  expect(problemsOf(url)).toEqual([
    expect.stringMatching(/^COUNTERSIGN_SECRET_KEY: not set, and instances that share/),
    expect.stringMatching(/^COUNTERSIGN_ADMIN_TOKEN: not set, and instances that share/),
  ]);
  const { COUNTERSIGN_SECRET_KEY: key, COUNTERSIGN_ADMIN_TOKEN: token } = SHARED;
  expect(problemsOf({ ...url, ...SHARED })).toEqual([]);
  const keyFile = { COUNTERSIGN_SECRET_KEY_FILE: fileWith(key), COUNTERSIGN_ADMIN_TOKEN: token };
  expect(problemsOf({ ...url, ...keyFile })).toEqual([]);
});
