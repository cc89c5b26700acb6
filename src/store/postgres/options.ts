/** Where the database is and how it is talked to. */
import type { ConnectionOptions } from "node:tls";
import type { CommitMeter } from "../../observability/meters.ts";

export interface PostgresServer {
  /** Host name or IP address without brackets; a path beginning with a slash is the directory of a Unix socket. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password?: string;
  /** Absent: cleartext. */
  readonly tls?: ConnectionOptions;
}

export interface PostgresStoreOptions {
  readonly server: PostgresServer;
  /**
   * Connections at most, 4 or more: two fifths write, the others read. Default 10. One further listens, and two hold users
   * while mails leave.
   */
  readonly poolSize?: number;
  /** The server gives up a statement of a write or a point read after so many milliseconds. Default 3,000. */
  readonly statementTimeoutMs?: number;
  /** The server gives up waiting for a row that somebody else holds after so many milliseconds. Default 1,000. */
  readonly lockTimeoutMs?: number;
  /** A new connection has to stand within so many milliseconds. Default 2,000. */
  readonly connectTimeoutMs?: number;
  /**
   * `transaction`: a pooler stands between that gives each transaction another connection. Nothing is prepared then, and
   * nothing listens: other instances' commits are found by polling alone. Default `none`.
   */
  readonly pooler?: "none" | "transaction";
  /** How often other instances' commits are looked for, whatever was heard, in milliseconds. Default 1,000. */
  readonly pollIntervalMs?: number;
  /**
   * How long a user is held for a mail that is being handed over: so long a command on that user may have to wait with
   * its answer, and half a second more. The same in all instances. Default 1,000.
   */
  readonly holdMs?: number;
  /** Writes that may wait for their batch before further ones are answered OVERLOADED. Default 8,192. */
  readonly maxWaitingWrites?: number;
  /**
   * `serve` brings the tables up to date; `command` refuses a database that is not, and does not count as an instance.
   * Default `serve`.
   */
  readonly use?: "serve" | "command";
  /** Learns of every transaction of calls. */
  readonly meter?: CommitMeter;
}

export const DEFAULTS = {
  poolSize: 10,
  statementTimeoutMs: 3_000,
  lockTimeoutMs: 1_000,
  connectTimeoutMs: 2_000,
  pooler: "none",
  pollIntervalMs: 1_000,
  holdMs: 1_000,
  maxWaitingWrites: 8_192,
} as const;
