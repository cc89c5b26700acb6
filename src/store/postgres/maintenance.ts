/** Removes what is over, a part at a time; what another instance removes meanwhile is passed over. */
import type { MaintenanceTask } from "../store.ts";
import type { Database } from "./database.ts";
import type { Statement } from "./session.ts";

const PRUNED_AT_A_TIME = 1_000;

const PRUNE: Record<MaintenanceTask["kind"], Statement> = {
  pruneBuckets: {
    name: "prune_buckets",
    text: `DELETE FROM buckets WHERE bucket IN (SELECT bucket FROM buckets WHERE expires_at_ms <= $1
      LIMIT ${PRUNED_AT_A_TIME} FOR UPDATE SKIP LOCKED)`,
  },
  pruneReplies: {
    name: "prune_replies",
    text: `DELETE FROM kept_replies WHERE scope IN (SELECT scope FROM kept_replies WHERE expires_at_ms <= $1
      LIMIT ${PRUNED_AT_A_TIME} FOR UPDATE SKIP LOCKED)`,
  },
};

export async function maintain(database: Database, { kind, nowMs }: MaintenanceTask): Promise<void> {
  let removed: number;
  do {
    removed = await database.transaction(
      async (transaction) => (await transaction.query(PRUNE[kind], [nowMs])).count,
    );
  } while (removed === PRUNED_AT_A_TIME);
}
