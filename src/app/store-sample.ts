import type { StoreSample } from "../observability/metrics.ts";
import type { Store } from "../store/store.ts";

/** What the metrics tell of the store, as it is now. */
export async function sampleStore(store: Store, nowMs: () => number): Promise<StoreSample> {
  const [{ waitingWrites, pendingDeliveries }, dueMs] = await Promise.all([
    store.figures(),
    store.nextDeliveryDueMs(),
  ]);
  const overdueMs = dueMs === undefined ? 0 : Math.max(0, nowMs() - dueMs);
  return { waitingWrites, outboxRows: pendingDeliveries, oldestDueSeconds: overdueMs / 1_000 };
}
