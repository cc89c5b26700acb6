/** Who holds what only one may have, such as a username. */
import type { Database, Statement } from "better-sqlite3";
import type { ClaimChange, ClaimKey } from "../../verification/decider.ts";

export class ClaimTable {
  readonly #select: Statement;
  readonly #insert: Statement;
  readonly #delete: Statement;

  constructor(database: Database) {
    this.#select = database.prepare("SELECT aggregate_id FROM claims WHERE scope = ? AND value = ?").pluck();
    this.#insert = database.prepare("INSERT INTO claims (scope, value, aggregate_id) VALUES (?, ?, ?)");
    this.#delete = database.prepare("DELETE FROM claims WHERE scope = ? AND value = ? AND aggregate_id = ?");
  }

  /** @returns the id of the aggregate that holds it */
  holderOf({ scope, value }: ClaimKey): string | undefined {
    return this.#select.get(scope, value) as string | undefined;
  }

  change({ action, scope, value }: ClaimChange, aggregateId: string): void {
    (action === "take" ? this.#insert : this.#delete).run(scope, value, aggregateId);
  }
}
