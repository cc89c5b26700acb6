/** Whether a database is sound, by SQLite's own look at it. */
import type { Database } from "better-sqlite3";
import { sqliteCode } from "./connection.ts";

/**
 * @param how "quick_check" does not compare indexes with their tables, and takes a fraction of the time
 * @returns what is wrong; nothing where all is well
 */
export function integrityProblems(
  database: Database,
  how: "integrity_check" | "quick_check",
): readonly string[] {
  try {
    const found = database.prepare(`PRAGMA ${how}`).pluck().all() as string[];
    return found.filter((problem) => problem !== "ok");
  } catch (error) {
    // Some damage ends the check itself.
    if (isDamage(error)) return [(error as Error).message];
    throw error;
  }
}

/** Whether a statement failed because the file is not what SQLite wrote. */
export function isDamage(error: unknown): boolean {
  return /^SQLITE_(CORRUPT|NOTADB)/.test(sqliteCode(error));
}
