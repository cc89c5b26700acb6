/** Which database there is, and how a PostgreSQL server is talked to. */
import type { Setting } from "../setting.ts";
import { oneOf } from "../values/choices.ts";
import { databaseUrl } from "../values/database-url.ts";
import { duration } from "../values/durations.ts";
import { wholeNumber } from "../values/whole-number.ts";

export const DATABASE_SETTINGS = {
  database: {
    name: "DATABASE_URL",
    schema: databaseUrl,
    unset: "`sqlite:<data dir>/countersign.db`",
    example: "sqlite:/var/lib/countersign/countersign.db",
    placeholder: "url",
    help: "The database: `sqlite:<path>`, or `postgres://user:password@host/database` for any number of instances.",
    confidential: true,
  },
  databasePoolSize: {
    name: "DATABASE_POOL_SIZE",
    schema: wholeNumber(4, 200),
    fallback: "10",
    example: "20",
    placeholder: "number",
    help: "PostgreSQL: connections of one instance; one more listens, and two more lock users whose mails leave.",
  },
  databaseStatementTimeoutMs: {
    name: "DATABASE_STATEMENT_TIMEOUT",
    schema: duration("100ms", "1m"),
    fallback: "3s",
    example: "5s",
    placeholder: "duration",
    help: "PostgreSQL: how long the server may work on one statement of a call.",
  },
  databaseLockTimeoutMs: {
    name: "DATABASE_LOCK_TIMEOUT",
    schema: duration("10ms", "1m"),
    fallback: "1s",
    example: "2s",
    placeholder: "duration",
    help: "PostgreSQL: how long a call waits for a row that another transaction holds.",
  },
  databasePooler: {
    name: "DATABASE_POOLER",
    schema: oneOf(["none", "transaction"]),
    fallback: "none",
    example: "transaction",
    placeholder: "kind",
    help: "PostgreSQL: `transaction` behind a pooler in transaction mode (PgBouncer and its like).",
  },
} as const satisfies Record<string, Setting>;
