// A database from before tokens could expire, accounts be deactivated and organizations have settings: what was there is
// what the deciders' first states say it is.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrate } from "../../src/store/sqlite/schema.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { historyProblems } from "./history-checker.ts";

/** The last version without them. */
const BEFORE = 7;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "countersign-migration-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const roles = [{ role: "IAM_OWNER" }];
const head = (sequence: number, changedAtMs: number) => ({
  sequence,
  createdAtMs: 1_000,
  changedAtMs,
  organizationId: "org-1",
});

/** The log and the snapshots of a first start, whose token was replaced once. */
function writeOldDatabase(path: string): void {
  const database = new Database(path);
  migrate(database, BEFORE);
  const insertEvent = database.prepare(
    `INSERT INTO events (position, previous, aggregate_type, aggregate_id, sequence, type, payload, created_at_ms,
       organization_id, editor) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'org-1', 'system')`,
  );
  const token = (hash: string) => JSON.stringify({ serviceAccountId: "admin-1", hash });
  insertEvent.run(1, 0, "organization", "org-1", 1, "org.added", '{"name":"Default"}', 1_000);
  const account = JSON.stringify({ userName: "Admin", roles });
  insertEvent.run(2, 0, "service_account", "admin-1", 1, "user.machine.added", account, 1_000);
  insertEvent.run(3, 0, "access_token", "admin", 1, "user.pat.added", token("old"), 1_000);
  insertEvent.run(4, 3, "access_token", "admin", 2, "user.pat.added", token("new"), 2_000);
  const insertAggregate = database.prepare(
    "INSERT INTO aggregates (type, id, position, state) VALUES (?, ?, ?, ?)",
  );
  const states: [type: string, id: string, position: number, state: object][] = [
    ["organization", "org-1", 1, { ...head(1, 1_000), name: "Default" }],
    ["service_account", "admin-1", 2, { ...head(1, 1_000), username: "Admin", roles }],
    ["access_token", "admin", 4, { ...head(2, 2_000), serviceAccountId: "admin-1", hash: "new" }],
  ];
  for (const [type, id, position, state] of states) {
    insertAggregate.run(type, id, position, JSON.stringify(state));
  }
  database.exec(`
    INSERT INTO claims VALUES ('subject', 'admin-1', 'admin-1'), ('username', 'admin', 'admin-1');
    INSERT INTO access_tokens (hash, token_id, service_account_id) VALUES ('new', 'admin', 'admin-1');
  `);
  database.close();
}

test("organizations, accounts and tokens of before", async () => {
  const path = join(folder, "countersign.db");
  writeOldDatabase(path);
  const store = await SqliteStore.open({ path });
  try {
    expect(await historyProblems(store)).toEqual([]);
    expect(await store.findOrganization("org-1")).toMatchObject({
      settings: { notices: true, linkHosts: [] },
    });
    expect(await store.findServiceAccount("admin-1")).toMatchObject({ status: "active", roles });
    expect(await store.findAccessToken("new")).toMatchObject({ expiresAtMs: null, revokedAtMs: null });
    expect((await store.listAccessTokens({ limit: 10, timeoutMs: 5_000 })).tokens).toEqual([
      {
        tokenId: "admin",
        serviceAccountId: "admin-1",
        organizationId: "org-1",
        addedAtMs: 2_000,
        expiresAtMs: null,
        revokedAtMs: null,
        lastUsedAtMs: null,
      },
    ]);
  } finally {
    await store.close();
  }
});
