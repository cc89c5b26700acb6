// A real store in a temporary folder, with a user to send mails to and a clock that can be moved.
import Database from "better-sqlite3";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EnvironmentFactory } from "../../src/store/environment-factory.ts";
import { IdentifierFactory } from "../../src/store/identifiers.ts";
import { Keyring } from "../../src/store/keyring.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import type { DeliveryState } from "../../src/store/store.ts";
import { UNAMBIGUOUS_ALPHABET } from "../../src/verification/code.ts";
import type { Policy } from "../../src/verification/environment.ts";

export const CODE_TTL_MS = 3_600_000;
export const URL_TEMPLATE = "http://127.0.0.1:8080/verify?code={{.Code}}&orgId={{.OrgID}}&userId={{.UserID}}";

export interface OutboxRow {
  readonly deliveryId: string;
  readonly state: DeliveryState;
  readonly attempt: number;
  readonly problem: string | null;
  readonly sealedCode: string | null;
  readonly dueAtMs: number | null;
}

export class TestOutbox {
  readonly clock = { offsetMs: 0, nowMs: () => Date.now() + this.clock.offsetMs };
  readonly keyring = new Keyring([randomBytes(32)]);
  readonly store: SqliteStore;
  readonly environments: EnvironmentFactory;
  readonly #folder: string;
  readonly #reader: Database.Database;

  private constructor(folder: string, store: SqliteStore, policy: Partial<Policy>) {
    this.#folder = folder;
    this.store = store;
    this.#reader = new Database(join(folder, "test.db"), { readonly: true });
    this.environments = new EnvironmentFactory({
      nowMs: this.clock.nowMs,
      randomBytes,
      identifiers: new IdentifierFactory(Date.now, randomBytes),
      keyring: this.keyring,
      policy: {
        codeTtlMs: CODE_TTL_MS,
        maxAttemptsPerClient: 5,
        maxAttemptsPerCode: 50,
        maxFailuresPerDay: 100,
        liveCodes: 1,
        defaultUrlTemplate: URL_TEMPLATE,
        links: { allowedHosts: undefined },
        ...policy,
      },
      codeAlphabet: UNAMBIGUOUS_ALPHABET,
      codeLength: 6,
    });
  }

  static async open(policy: Partial<Policy> = {}): Promise<TestOutbox> {
    const folder = mkdtempSync(join(tmpdir(), "countersign-mail-"));
    const store = await SqliteStore.open({ path: join(folder, "test.db") });
    const outbox = new TestOutbox(folder, store, policy);
    const command = { type: "organization.add", organizationId: "org1", name: "Org" } as const;
    await outbox.store.execute(command, outbox.environments.plain({ kind: "system" }));
    return outbox;
  }

  /** @returns the id of a new user with an unverified address and no code */
  async addUser(address: string, displayName = "Ada Lovelace"): Promise<string> {
    const userId = this.environments.newId();
    await this.store.execute(
      {
        type: "user.add",
        userId,
        organizationId: "org1",
        profile: { givenName: "Ada", familyName: "Lovelace", displayName },
        email: { address, verification: { kind: "none" } },
      },
      this.environments.plain({ kind: "system" }),
    );
    return userId;
  }

  async sendCode(userId: string): Promise<{ code: string; codeId: string; deliveryId: string }> {
    const { env, code } = this.environments.withNewCode({ kind: "system" }, userId);
    const verification = { kind: "send" } as const;
    await this.store.execute({ type: "email.sendCode", userId, verification }, env);
    return { code, codeId: env.newCode?.codeId ?? "", deliveryId: env.newCode?.delivery?.deliveryId ?? "" };
  }

  async verify(userId: string, code: string): Promise<void> {
    const candidates = this.environments.candidateMacs(userId, code);
    const command = { type: "email.verify", userId, candidates, client: "test" } as const;
    await this.store.execute(command, this.environments.plain({ kind: "system" }));
  }

  async setEmail(userId: string, address: string): Promise<void> {
    const command = { type: "email.set", userId, address, verification: { kind: "none" } } as const;
    await this.store.execute(command, this.environments.plain({ kind: "system" }));
  }

  async deleteUser(userId: string): Promise<void> {
    await this.store.execute({ type: "user.delete", userId }, this.environments.plain({ kind: "system" }));
  }

  row(deliveryId: string): OutboxRow {
    return this.#reader
      .prepare(
        `SELECT delivery_id AS deliveryId, state, attempt, problem, sealed_code AS sealedCode, due_at_ms AS dueAtMs
         FROM outbox WHERE delivery_id = ?`,
      )
      .get(deliveryId) as OutboxRow;
  }

  /** Resolves once the row is in that state. */
  async reaches(deliveryId: string, state: DeliveryState, attempt?: number): Promise<OutboxRow> {
    return new Promise((resolve) => {
      const look = () => {
        const row = this.row(deliveryId);
        if (row.state !== state || (attempt !== undefined && row.attempt !== attempt)) return;
        end();
        resolve(row);
      };
      const end = this.store.committed(look);
      look();
    });
  }

  async eventTypes(userId: string): Promise<string[]> {
    const events = await this.store.readEvents(0, 1000);
    return events.filter(({ aggregateId }) => aggregateId === userId).map(({ type }) => type);
  }

  /** Every byte that the database has on disk, as Latin-1 text. */
  bytesOnDisk(): string {
    const files = readdirSync(this.#folder).filter(
      (name) => name.startsWith("test.db") && !name.endsWith(".lock"),
    );
    return files.map((name) => readFileSync(join(this.#folder, name), "latin1")).join("\n");
  }

  async close(): Promise<void> {
    this.#reader.close();
    await this.store.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
