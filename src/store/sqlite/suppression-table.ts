/** Addresses that take no mail, each for one organization. */
import type { Database, Statement } from "better-sqlite3";
import { addressKey, type SuppressionKey } from "../../verification/suppression.ts";
import type { Suppression } from "../deliveries.ts";

export const SUPPRESSION_COLUMNS = `organization_id AS organizationId, address, type, enhanced_code AS enhancedCode,
  diagnostic, delivery_id AS deliveryId, created_at_ms AS createdAtMs`;

export class SuppressionTable {
  readonly #select: Statement;
  readonly #upsert: Statement;
  readonly #delete: Statement;

  constructor(database: Database) {
    this.#select = database.prepare(
      "SELECT 1 FROM suppressions WHERE organization_id = @organizationId AND address_key = @key",
    );
    this.#upsert = database.prepare(
      `INSERT INTO suppressions (organization_id, address_key, address, type, enhanced_code, diagnostic, delivery_id,
         created_at_ms, user_id)
       VALUES (@organizationId, @key, @address, @type, @enhancedCode, @diagnostic, @deliveryId, @createdAtMs, @userId)
       ON CONFLICT (organization_id, address_key) DO UPDATE SET type = excluded.type,
         enhanced_code = excluded.enhanced_code, diagnostic = excluded.diagnostic, delivery_id = excluded.delivery_id,
         user_id = CASE excluded.user_id WHEN '' THEN user_id ELSE excluded.user_id END`,
    );
    this.#delete = database.prepare(
      "DELETE FROM suppressions WHERE organization_id = @organizationId AND address_key = @key",
    );
  }

  has({ organizationId, address }: SuppressionKey): boolean {
    return this.#select.get({ organizationId, key: addressKey(address) }) !== undefined;
  }

  /**
   * One that is there already takes over what is new, but not the time.
   *
   * @param userId whose mail it was; "" for nobody's
   */
  add(suppression: Suppression, userId: string): void {
    const { organizationId, address, type, enhancedCode, diagnostic, deliveryId, createdAtMs } = suppression;
    const key = addressKey(address);
    this.#upsert.run({
      organizationId,
      key,
      address,
      type,
      enhancedCode,
      diagnostic,
      deliveryId,
      createdAtMs,
      userId,
    });
  }

  /** @returns whether there was one */
  remove({ organizationId, address }: SuppressionKey): boolean {
    return this.#delete.run({ organizationId, key: addressKey(address) }).changes > 0;
  }
}
