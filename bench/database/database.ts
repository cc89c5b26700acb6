/**
 * Where a service under test keeps its data. SQLite is one; PostgreSQL goes beside it, in a file of its own, as soon as
 * the service has it: the tables of scenarios name a database, and know nothing else of it.
 */
export interface BenchDatabase {
  /** Fills a data folder: so many users, `user0000000` and so on, and so many mails that wait in the outbox. */
  fill(folder: string, content: DatabaseContent): Promise<void>;
  /** What the service is started with, beside the folder. */
  settings(folder: string): Readonly<Record<string, string>>;
  /** How far the record of events goes, for `countsSince`. */
  position(folder: string): number;
  /** What calls have left behind since, while the service runs. */
  countsSince(folder: string, position: number): Counts;
  /** Mails that wait for being sent. */
  waitingMails(folder: string): number;
}

export interface DatabaseContent {
  readonly users: number;
  readonly mails: number;
}

/** Events by kind: an acknowledged call has made exactly one of the first or the second. */
export interface Counts {
  readonly codesAdded: number;
  readonly verifications: number;
}

/** Of the admin account, in every database made here. */
export const ADMIN_TOKEN = "bench-token-bench-token-bench-token";
