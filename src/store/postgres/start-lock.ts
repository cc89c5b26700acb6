/**
 * Keeps instances from starting while something is done for which none may run, and tells whether one runs.
 *
 * Every instance passes through the lock of the migrations at its start, so whoever holds that lock sees all that are there
 * for as long as it is held. They are found by the name of their connections, of which a running instance always has some.
 * The lock is of a transaction: it passes a pooler, and ends with the process, however that ends. A pooler may keep
 * connections of instances that are gone for a while; they count.
 */
import { Client, type ClientConfig } from "pg";
import { APPLICATION_NAME } from "./database.ts";
import type { PostgresServer } from "./options.ts";
import { MIGRATION_LOCK } from "./schema.ts";

/** Why the lock was not taken. */
export class InstancesRunError extends Error {
  override readonly name = "InstancesRunError";
}

export class StartLock {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /**
   * @param timeoutMs for the connection, and for each question
   * @throws InstancesRunError while instances run, start, or another holds it; Error where the server cannot be reached
   */
  static async take({ tls, ...server }: PostgresServer, timeoutMs: number): Promise<StartLock> {
    const config: ClientConfig = {
      ...server,
      ssl: tls ?? false,
      application_name: `${APPLICATION_NAME} keys`,
      connectionTimeoutMillis: timeoutMs,
      query_timeout: timeoutMs,
      keepAlive: true,
    };
    const client = new Client(config);
    // What breaks the connection is told by the query that meets it.
    client.on("error", () => {});
    await client.connect();
    const lock = new StartLock(client);
    try {
      await lock.#begin();
      return lock;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** @throws Error when it was lost with its connection */
  async assertHeld(): Promise<void> {
    await this.#client.query("SELECT 1");
  }

  async release(): Promise<void> {
    await this.#client.end().catch(() => {});
  }

  async #begin(): Promise<void> {
    // What it is held for may take longer than the server lets a transaction rest.
    await this.#client.query("BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0");
    const taken = await this.#client.query<{ isOurs: boolean }>(
      `SELECT pg_try_advisory_xact_lock(${MIGRATION_LOCK}) AS "isOurs"`,
    );
    if (taken.rows[0]?.isOurs !== true) {
      throw new InstancesRunError("an instance starts, or another such command runs");
    }
    const found = await this.#client.query<{ connections: string }>(
      "SELECT count(*) AS connections FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1",
      [APPLICATION_NAME],
    );
    const connections = Number(found.rows[0]?.connections);
    if (connections > 0) throw new InstancesRunError(`running instances have ${connections} connections`);
  }
}
