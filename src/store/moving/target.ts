/** The PostgreSQL database that is moved into, over one connection. */
import { Client, type ClientConfig } from "pg";
import { UNFINISHED_MOVE_KEY } from "../postgres/unfinished-move.ts";
import type { PostgresServer } from "../postgres/options.ts";
import { MoveError } from "./move-error.ts";
import type { Cell, Row, TablePlan } from "./tables.ts";

/** Any number will do, as long as it stays this one. */
const MOVE_LOCK = 6_720_412_816;

/** How far a move has come; written with the rows that it tells of. */
export interface MoveState {
  /** Of the source. */
  readonly fingerprint: string;
  readonly startedAtMs: number;
  /** The table that is being filled; those before it are full. */
  readonly table: string;
  /** Key of the last row in it. */
  readonly after?: readonly Cell[];
}

export class MoveTarget {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** The tables have to be there. @throws MoveError while another move is under way; Error when it cannot be reached */
  static async open({ tls, ...server }: PostgresServer): Promise<MoveTarget> {
    const config: ClientConfig = { ...server, ssl: tls ?? false, application_name: "countersign" };
    const client = new Client(config);
    // What breaks the connection is told by the query that meets it.
    client.on("error", () => {});
    await client.connect();
    const target = new MoveTarget(client);
    const [row] = await target.#rows<{ isOurs: boolean }>(
      `SELECT pg_try_advisory_lock(${MOVE_LOCK}) AS "isOurs"`,
    );
    if (row?.isOurs === true) return target;
    await client.end();
    throw new MoveError("another move into this database is under way: wait for its end");
  }

  /** @returns undefined where none was begun. @throws MoveError for a database that something else has filled */
  async state(): Promise<MoveState | undefined> {
    const [row] = await this.#rows<{ value: string }>("SELECT value FROM metadata WHERE key = $1", [
      UNFINISHED_MOVE_KEY,
    ]);
    if (row !== undefined) return JSON.parse(row.value) as MoveState;
    const [found] = await this.#rows<{ isFilled: boolean }>(
      `SELECT EXISTS (SELECT FROM events) OR EXISTS (SELECT FROM metadata) AS "isFilled"`,
    );
    if (found?.isFilled === true) {
      throw new MoveError(
        "the target holds a Countersign already: a move wants an empty database, or one in which a move of the same source was stopped",
      );
    }
    return undefined;
  }

  /** Writes the rows and how far that is, both or neither. */
  async write(plan: TablePlan, rows: readonly Row[], state: MoveState): Promise<void> {
    const names = Object.keys(plan.columns).join(", ");
    await this.#transaction(async () => {
      // A commit that is lost with the server is lost with its rows: the move goes on from before it.
      await this.#client.query("SET LOCAL synchronous_commit = off");
      if (rows.length > 0) {
        await this.#client.query(
          `INSERT INTO ${plan.name} (${names}) OVERRIDING SYSTEM VALUE
             SELECT ${names} FROM json_to_recordset($1) AS r (${typed(plan.columns)})`,
          [JSON.stringify(rows)],
        );
      }
      await this.#saveState(state);
    });
  }

  async count({ name }: TablePlan): Promise<number> {
    const [row] = await this.#rows<{ rows: string }>(
      `SELECT count(*) AS rows FROM ${name} WHERE ${OF_THE_MOVE[name] ?? "true"}`,
    );
    return Number(row?.rows);
  }

  /** Those of the rows that are there, with the columns of the plan. */
  async find(plan: TablePlan, rows: readonly Row[]): Promise<Row[]> {
    const { name, columns, key, targetKey = key } = plan;
    const keys = Object.fromEntries(targetKey.map((column) => [column, columns[column] ?? "TEXT"]));
    const found = await this.#rows<Row>(
      `SELECT ${Object.keys(columns)
        .map((column) => `t.${column}`)
        .join(", ")} FROM ${name} t JOIN json_to_recordset($1) AS r (${typed(keys)})
         ON ${targetKey.map((column) => `t.${column} = r.${column}`).join(" AND ")}`,
      [
        JSON.stringify(
          rows.map((row) => Object.fromEntries(targetKey.map((column) => [column, row[column]]))),
        ),
      ],
    );
    // BIGINT comes as text.
    const numbers = Object.keys(columns).filter((column) => columns[column] === "BIGINT");
    return found.map((row) => ({
      ...row,
      ...Object.fromEntries(
        numbers.map((column) => [column, row[column] === null ? null : Number(row[column])]),
      ),
    }));
  }

  /** From here on the database is like one that was always PostgreSQL. */
  async finish(plans: readonly TablePlan[], lastPosition: number): Promise<void> {
    await this.#transaction(async () => {
      await this.#client.query("SET LOCAL synchronous_commit = on");
      await this.#client.query("UPDATE log_head SET position = $1", [lastPosition]);
      for (const { name, identity } of plans) {
        if (identity === undefined) continue;
        await this.#client.query(
          `SELECT setval(pg_get_serial_sequence('${name}', '${identity}'), (SELECT coalesce(max(${identity}), 0) + 1 FROM ${name}), false)`,
        );
      }
      await this.#client.query("DELETE FROM metadata WHERE key = $1", [UNFINISHED_MOVE_KEY]);
    });
    // Fresh tables have no statistics, and plans without them are slow ones.
    for (const { name } of plans) await this.#client.query(`ANALYZE ${name}`);
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async #saveState(state: MoveState): Promise<void> {
    await this.#client.query(
      "INSERT INTO metadata (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
      [UNFINISHED_MOVE_KEY, JSON.stringify(state)],
    );
  }

  async #transaction(work: () => Promise<void>): Promise<void> {
    await this.#client.query("BEGIN");
    try {
      await work();
      await this.#client.query("COMMIT");
    } catch (error) {
      await this.#client.query("ROLLBACK").catch(() => {});
      throw error;
    }
  }

  async #rows<Found extends object>(text: string, values: readonly unknown[] = []): Promise<Found[]> {
    return (await this.#client.query<Found>(text, [...values])).rows;
  }
}

/** What of a table did not come with the move. */
const OF_THE_MOVE: Readonly<Record<string, string>> = { metadata: `key <> '${UNFINISHED_MOVE_KEY}'` };

function typed(columns: Readonly<Record<string, string>>): string {
  return Object.entries(columns)
    .map(([name, type]) => `${name} ${type}`)
    .join(", ");
}
