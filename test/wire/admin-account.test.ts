// What a start says of the admin account and its token, when they cannot be used any more.
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AccessService } from "../../gen/countersign/v1/access_service_pb.ts";
import { startApplication, type Application } from "../../src/app.ts";
import { loadConfig } from "../../src/config.ts";
import { TestLog } from "../mail/log.ts";
import { outcome } from "../support/json-calls.ts";
import { openGrpc } from "../support/service-clients.ts";
import { textAt } from "../support/wire-formats.ts";

jest.setTimeout(30_000);

const USERNAME = "countersign-admin";
const WARN = 40;

let dataDir: string;
let aheadMs: number;
/** Of another account with the role IAM_OWNER. */
let otherToken: string;
let adminId: string;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "countersign-admin-"));
  aheadMs = 0;
  const { warnings } = await run(async (_application, ask) => {
    const admin = await adminToken();
    const made = await ask(admin, "CreateServiceAccount", {
      username: "other-owner",
      roles: [{ role: "IAM_OWNER" }],
    });
    const serviceAccountId = textAt(made, "serviceAccount", "serviceAccountId");
    otherToken = textAt(await ask(admin, "CreateAccessToken", { serviceAccountId }), "token");
    const found = await ask(admin, "ListServiceAccounts", { username: USERNAME });
    adminId = textAt(found, "serviceAccounts", "0", "serviceAccountId");
  });
  expect(warnings).toEqual([]);
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

type Ask = (token: string, method: string, request: JsonObject) => Promise<JsonObject>;

/** Starts, does what the test does, stops. @returns what the start said of the admin */
async function run(
  act: (application: Application, ask: Ask) => Promise<void> = async () => {},
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly warnings: readonly string[]; readonly log: string }> {
  const log = new TestLog();
  const settings = { COUNTERSIGN_LISTEN: "127.0.0.1:0", COUNTERSIGN_DATA_DIR: dataDir, ...env };
  const loaded = loadConfig(settings, {});
  if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
  const sources = { nowMs: () => Date.now() + aheadMs, randomBytes };
  const application = await startApplication(loaded.config, log.logger, sources);
  const warnings = log.lines
    .filter(({ level, msg }) => level === WARN && msg.includes("admin"))
    .map(({ msg }) => msg);
  const client = openGrpc(application.url, AccessService);
  try {
    await act(application, client.ask);
  } finally {
    client.close();
    await application.stop();
  }
  return { warnings, log: log.text };
}

async function adminToken(): Promise<string> {
  return (await readFile(join(dataDir, "admin.token"), "utf8")).trim();
}

const ofAdmin = (method: string, change: JsonObject = {}) =>
  run(async (_application, ask) => {
    await ask(otherToken, method, { serviceAccountId: adminId, ...change });
  });

test("a deactivated account: its token is refused, and who can reactivate it", async () => {
  await ofAdmin("DeactivateServiceAccount");
  const { warnings, log } = await run(async (_application, ask) => {
    const token = await adminToken();
    expect(await outcome(ask(token, "ListServiceAccounts", {}))).toBe("16 TOKEN_INVALID");
  });
  expect(warnings).toEqual([
    `the admin account ${USERNAME} is deactivated, so the token in ${join(dataDir, "admin.token")} is refused: have another account with the role IAM_OWNER reactivate it (countersign account reactivate ${USERNAME})`,
  ]);
  expect(log).not.toContain(await adminToken());
  await ofAdmin("ReactivateServiceAccount");
  expect((await run()).warnings).toEqual([]);
});

test("a removed account: what to use instead", async () => {
  await ofAdmin("DeleteServiceAccount");
  expect((await run()).warnings).toEqual([
    expect.stringMatching(
      /^the admin account .* was removed, so the token in .* is refused: use the token of/,
    ),
  ]);
});

test("an account without the role of an owner: what it lacks", async () => {
  await ofAdmin("SetServiceAccountRoles", { roles: [{ role: "IAM_OWNER_VIEWER" }] });
  expect((await run()).warnings).toEqual([
    expect.stringMatching(/^the admin account .* has lost the role IAM_OWNER/),
  ]);
});

test("a revoked token: that a start with another one puts that in its place", async () => {
  await run(async (_application, ask) => {
    await ask(otherToken, "RevokeAccessToken", { tokenId: "admin" });
  });
  const { warnings } = await run();
  expect(warnings).toEqual([
    expect.stringMatching(/^the admin token in .*admin\.token was revoked and is refused: delete the file/),
  ]);
  await rm(join(dataDir, "admin.token"));
  const renewed = await run(async (_application, ask) => {
    expect(await outcome(ask(await adminToken(), "ListServiceAccounts", {}))).toBe("ok");
  });
  expect(renewed.warnings).toEqual([]);
});

test("a revoked token of the settings: which setting to change", async () => {
  const env = { COUNTERSIGN_ADMIN_TOKEN: randomBytes(32).toString("hex") };
  await run(async (_application, ask) => {
    await ask(otherToken, "RevokeAccessToken", { tokenId: "admin" });
  }, env);
  const { warnings, log } = await run(async () => {}, env);
  expect(warnings).toEqual([
    "the admin token in COUNTERSIGN_ADMIN_TOKEN was revoked and is refused: set another value, and start again",
  ]);
  expect(log).not.toContain(env.COUNTERSIGN_ADMIN_TOKEN);
});

test("a token of another account, which may expire, is none for the admin: the start is refused", async () => {
  const env = { COUNTERSIGN_ADMIN_TOKEN: "" };
  await run(async (_application, ask) => {
    const expireTime = new Date(Date.now() + 60_000).toISOString();
    const made = await ask(otherToken, "CreateAccessToken", { serviceAccountId: adminId, expireTime });
    env.COUNTERSIGN_ADMIN_TOKEN = textAt(made, "token");
  });
  aheadMs = 61_000;
  await expect(run(async () => {}, env)).rejects.toThrow(/COUNTERSIGN_ADMIN_TOKEN holds the access token/);
});
