// How many codes are sent, and to whom.
import { test } from "@jest/globals";
import { expectRefused, expectTaken } from "../../../support/settings.ts";

test.each<Parameters<typeof expectTaken>>([
  ["SEND_COOLDOWN", "90s", { sendCooldownMs: 90_000 }],
  ["SENDS_PER_HOUR", "5", { sendsPerHour: 5 }],
  ["USER_SENDS_PER_HOUR", "100000", { userSendsPerHour: 100_000 }],
  ["PRINCIPAL_SENDS_PER_HOUR", "10000000", { principalSendsPerHour: 10_000_000 }],
  ["CLIENT_SENDS_PER_HOUR", "1", { clientSendsPerHour: 1 }],
  ["LIMITS", "dry-run", { limits: "dry-run" }],
  ["TEST_MAILS_PER_HOUR", "0", { testMailsPerHour: 0 }],
])("%s=%s", expectTaken);

test.each([
  ["SEND_COOLDOWN", "60", "is not a duration: a whole number and one of ms, s, m, h, d"],
  ["SEND_COOLDOWN", "2d", "is not between 0s and 1d"],
  ["SENDS_PER_HOUR", "-1", "is not a whole number from 0 to 100000"],
  ["PRINCIPAL_SENDS_PER_HOUR", "10000001", "is not a whole number from 0 to 10000000"],
  ["TEST_MAILS_PER_HOUR", "100001", "is not a whole number from 0 to 100000"],
  ["LIMITS", "off", "is not enforce or dry-run"],
])("%s=%s is refused", expectRefused);
