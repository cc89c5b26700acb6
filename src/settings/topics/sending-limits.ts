/** How many codes and test mails are sent, and to whom. */
import type { Setting } from "../setting.ts";
import { oneOf } from "../values/choices.ts";
import { duration } from "../values/durations.ts";
import { wholeNumber } from "../values/whole-number.ts";

export const SENDING_LIMIT_SETTINGS = {
  sendCooldownMs: {
    name: "SEND_COOLDOWN",
    schema: duration("0s", "1d"),
    fallback: "0s",
    example: "60s",
    placeholder: "duration",
    help: "From one code for an address to the next, up to 1d; 0s for no such limit.",
  },
  sendsPerHour: {
    name: "SENDS_PER_HOUR",
    schema: wholeNumber(0, 100_000),
    fallback: "0",
    example: "5",
    placeholder: "count",
    help: "Codes for one address within an hour, whatever the user, mailed or returned, up to 100000; 0 for no such limit.",
  },
  userSendsPerHour: {
    name: "USER_SENDS_PER_HOUR",
    schema: wholeNumber(0, 100_000),
    fallback: "0",
    example: "10",
    placeholder: "count",
    help: "Codes for one user within an hour, whatever the address, up to 100000; 0 for no such limit.",
  },
  principalSendsPerHour: {
    name: "PRINCIPAL_SENDS_PER_HOUR",
    schema: wholeNumber(0, 10_000_000),
    fallback: "0",
    example: "10000",
    placeholder: "count",
    help: "Codes that one caller (service account or user) has issued within an hour, up to 10000000; 0 for no such limit.",
  },
  clientSendsPerHour: {
    name: "CLIENT_SENDS_PER_HOUR",
    schema: wholeNumber(0, 10_000_000),
    fallback: "0",
    example: "1000",
    placeholder: "count",
    help: "Codes asked for from one IP address (of IPv6: one /64) within an hour, up to 10000000; 0 for no such limit.",
  },
  limits: {
    name: "LIMITS",
    schema: oneOf(["enforce", "dry-run"]),
    fallback: "enforce",
    example: "dry-run",
    placeholder: "enforce|dry-run",
    help: "Whether calls over the limits on sending above are refused, or only counted and logged; wrong tries are limited in any case.",
  },
  testMailsPerHour: {
    name: "TEST_MAILS_PER_HOUR",
    schema: wholeNumber(0, 100_000),
    fallback: "20",
    example: "5",
    placeholder: "count",
    help: "Test mails for one organization within an hour, up to 100000; 0 for no such limit.",
  },
} as const satisfies Record<string, Setting>;
