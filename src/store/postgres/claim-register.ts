/** The mails that this process has claimed and not settled yet. */
import type { ClaimedDelivery } from "../store.ts";
import type { Database } from "./database.ts";
import type { Statement } from "./session.ts";

const RELEASE: Statement = {
  name: "release_claims",
  text: `UPDATE outbox SET due_at_ms = 0 FROM json_to_recordset($1) AS r (row BIGINT, lease TEXT)
    WHERE outbox.id = r.row AND outbox.lease_id = r.lease`,
};

export class ClaimRegister {
  /** Leases by delivery. */
  readonly #leases = new Map<string, string>();
  /** Those that are known to be cancelled. */
  readonly #marked = new Set<string>();

  add(claimed: readonly ClaimedDelivery[]): void {
    for (const { deliveryId, leaseId } of claimed) this.#leases.set(deliveryId, leaseId);
  }

  remove(deliveryIds: readonly string[]): void {
    for (const id of deliveryIds) {
      this.#leases.delete(id);
      this.#marked.delete(id);
    }
  }

  /** Deliveries that nobody is known to have cancelled. */
  unmarked(): readonly string[] {
    return [...this.#leases.keys()].filter((id) => !this.#marked.has(id));
  }

  /** Passes over those of others. */
  mark(deliveryIds: readonly string[]): void {
    for (const id of deliveryIds) if (this.#leases.has(id)) this.#marked.add(id);
  }

  /** Makes them due for others: this process is about to end. */
  async release(database: Database): Promise<void> {
    if (this.#leases.size === 0) return;
    const rows = [...this.#leases.values()].map((leaseId) => {
      const [row, lease] = leaseId.split(":");
      return { row, lease };
    });
    await database.transaction(async (transaction) => {
      void transaction.defer(RELEASE, [JSON.stringify(rows)]);
    });
    this.#leases.clear();
  }
}
