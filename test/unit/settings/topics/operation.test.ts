// Logs, metrics, what is kept, how the service stops.
import { test } from "@jest/globals";
import { expectRefused, expectTaken } from "../../../support/settings.ts";

test.each<Parameters<typeof expectTaken>>([
  ["METRICS_LISTEN", "127.0.0.1:9464", { metricsListen: { host: "127.0.0.1", port: 9464 } }],
  ["EVENT_CLIENT_IP", "on", { eventClientAddress: true }],
  ["ERASE_AFTER", "0s", { eraseAfterMs: 0 }],
  ["ERASE_AFTER", "3650d", { eraseAfterMs: 315_360_000_000 }],
  ["ERASE_AFTER", "never", { eraseAfterMs: "never" }],
  ["DELIVERY_RETENTION", "1s", { deliveryRetentionMs: 1_000 }],
  ["DELIVERY_RETENTION", "forever", { deliveryRetentionMs: "forever" }],
  ["EVENT_RETENTION", "1h", { eventRetentionMs: 3_600_000 }],
  ["EVENT_RETENTION", "forever", { eventRetentionMs: "forever" }],
  ["LOG_LEVEL", "silent", { logLevel: "silent" }],
  ["LOG_FORMAT", "pretty", { logFormat: "pretty" }],
  ["SHUTDOWN_GRACE", "0s", { shutdownGraceMs: 0 }],
  ["SHUTDOWN_GRACE", "1500ms", { shutdownGraceMs: 1500 }],
])("%s=%s", expectTaken);

test.each([
  ["EVENT_CLIENT_IP", "yes", "is not on or off"],
  ["ERASE_AFTER", "3651d", "is not between 0s and 3650d, or never"],
  ["ERASE_AFTER", "at once", "is not a duration: a whole number and one of ms, s, m, h, d, or never"],
  ["DELIVERY_RETENTION", "0s", "is not between 1s and 3650d, or forever"],
  ["EVENT_RETENTION", "59m", "is not between 1h and 3650d, or forever"],
  ["EVENT_RETENTION", "never", "is not a duration: a whole number and one of ms, s, m, h, d, or forever"],
  ["LOG_LEVEL", "verbose", "is not trace, debug, info, warn, error or silent"],
  ["LOG_FORMAT", "text", "is not json or pretty"],
  ["SHUTDOWN_GRACE", "61m", "is not between 0s and 1h"],
])("%s=%s is refused", expectRefused);
