/** Addresses that take no mail, each for one organization. */
import { addressKey, type SuppressionKey } from "../../verification/suppression.ts";
import type { Suppression } from "../deliveries.ts";
import type { Database, Transaction } from "./database.ts";
import type { Statement } from "./session.ts";
import { isStorable, storable } from "./sql-text.ts";

export const SUPPRESSION_COLUMNS = `organization_id AS "organizationId", address, type,
  enhanced_code AS "enhancedCode", diagnostic, delivery_id AS "deliveryId", created_at_ms AS "createdAtMs"`;

const SELECT: Statement = {
  name: "select_suppression",
  text: `SELECT ${SUPPRESSION_COLUMNS} FROM suppressions WHERE organization_id = $1 AND address_key = $2`,
};
const UPSERT: Statement = {
  name: "save_suppression",
  text: `INSERT INTO suppressions (organization_id, address_key, address, type, enhanced_code, diagnostic, delivery_id,
      created_at_ms, user_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (organization_id, address_key) DO UPDATE SET type = excluded.type,
      enhanced_code = excluded.enhanced_code, diagnostic = excluded.diagnostic, delivery_id = excluded.delivery_id,
      user_id = CASE excluded.user_id WHEN '' THEN suppressions.user_id ELSE excluded.user_id END`,
};
const DELETE: Statement = {
  name: "delete_suppression",
  text: "DELETE FROM suppressions WHERE organization_id = $1 AND address_key = $2",
};

export async function findSuppression(
  database: Pick<Database, "read">,
  { organizationId, address }: SuppressionKey,
): Promise<Suppression | undefined> {
  if (!isStorable(organizationId + address)) return undefined;
  const { rows } = await database.read<Suppression>(SELECT, [organizationId, addressKey(address)]);
  return rows[0];
}

/**
 * Defers it. One that is there already takes over what is new, but not the time.
 *
 * @param userId whose mail it was; "" for nobody's
 */
export function addSuppression(transaction: Transaction, suppression: Suppression, userId: string): void {
  const { organizationId, address, type, enhancedCode, diagnostic, deliveryId, createdAtMs } = suppression;
  const key = addressKey(address);
  void transaction.defer(UPSERT, [
    organizationId,
    key,
    address,
    type,
    storable(enhancedCode),
    storable(diagnostic),
    deliveryId,
    createdAtMs,
    userId,
  ]);
}

/** @returns whether there was one */
export async function removeSuppression(
  transaction: Transaction,
  { organizationId, address }: SuppressionKey,
): Promise<boolean> {
  if (!isStorable(organizationId + address)) return false;
  return (await transaction.query(DELETE, [organizationId, addressKey(address)])).count > 0;
}
