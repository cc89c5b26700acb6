/** What operators see of a running service, what it keeps, and how it stops. */
import type { Setting } from "../setting.ts";
import { oneOf, onOrOff } from "../values/choices.ts";
import { duration, durationOr } from "../values/durations.ts";
import { listenAddress } from "../values/listen-address.ts";

export const OPERATION_SETTINGS = {
  logLevel: {
    name: "LOG_LEVEL",
    schema: oneOf(["trace", "debug", "info", "warn", "error", "silent"]),
    fallback: "info",
    example: "debug",
    placeholder: "level",
    help: "Least severe level in the log: trace, debug, info, warn, error or silent.",
  },
  logFormat: {
    name: "LOG_FORMAT",
    schema: oneOf(["json", "pretty"]),
    unset: "pretty on a terminal, else json",
    example: "json",
    placeholder: "json|pretty",
    help: "Log for machines or for people.",
  },
  metricsListen: {
    name: "METRICS_LISTEN",
    schema: listenAddress,
    unset: "none: no metrics",
    example: "127.0.0.1:9464",
    placeholder: "host:port",
    help: "Address that serves Prometheus metrics at `/metrics`, to everyone who reaches it; port 0 takes any free port.",
  },
  directUnary: {
    name: "DIRECT_UNARY",
    schema: onOrOff,
    fallback: "on",
    example: "off",
    placeholder: "on|off",
    help: "Serve plain unary calls directly; off serves everything through connect-node, at a sixth to a third of the speed.",
  },
  eventClientAddress: {
    name: "EVENT_CLIENT_IP",
    schema: onOrOff,
    fallback: "off",
    example: "on",
    placeholder: "on|off",
    help: "Whether events tell the IP address of the client (docs/events.md).",
  },
  deliveryRetentionMs: {
    name: "DELIVERY_RETENTION",
    schema: durationOr("forever", "1s", "3650d"),
    fallback: "30d",
    example: "7d",
    placeholder: "duration|forever",
    help: "How long mails can be looked up after they came to their end, 1s to 3650d, or forever (docs/operations.md).",
  },
  eventRetentionMs: {
    name: "EVENT_RETENTION",
    schema: durationOr("forever", "1h", "3650d"),
    fallback: "forever",
    example: "365d",
    placeholder: "duration|forever",
    help: "How long events are kept, but for the last one of each user, 1h to 3650d, or forever (docs/operations.md).",
  },
  eraseAfterMs: {
    name: "ERASE_AFTER",
    schema: durationOr("never", "0s", "3650d"),
    fallback: "30d",
    example: "7d",
    placeholder: "duration|never",
    help: "How long after its deletion the personal data of a user is erased, 0s to 3650d, or never (docs/security.md).",
  },
  shutdownGraceMs: {
    name: "SHUTDOWN_GRACE",
    schema: duration("0s", "1h"),
    fallback: "10s",
    example: "30s",
    placeholder: "duration",
    help: "How long a stop waits for calls in flight, 0s to 1h.",
  },
} as const satisfies Record<string, Setting>;
