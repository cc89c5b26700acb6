// The sample settings for production: they load without a complaint, and switch on what is off by default.
import { expect, test } from "@jest/globals";
import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { loadConfig } from "../../src/config.ts";

const FILE = new URL("../../examples/production.env", import.meta.url);

test("examples/production.env loads, with every limit on sending that a service without a proxy can have", () => {
  const loaded = loadConfig(parseEnv(readFileSync(FILE, "utf8")));
  expect(loaded).toMatchObject({
    ok: true,
    warnings: [],
    config: {
      sendCooldownMs: 60_000,
      sendsPerHour: 5,
      userSendsPerHour: 10,
      principalSendsPerHour: 10_000,
      clientSendsPerHour: 0,
      limits: "enforce",
      trustedProxies: [],
      maxFailuresPerDay: 30,
      liveCodes: 2,
      addressChangeNotice: true,
    },
  });
});

test("what it shows as comments loads as well", () => {
  const text = readFileSync(FILE, "utf8").replaceAll(/^# (COUNTERSIGN_)/gm, "$1");
  expect(loadConfig(parseEnv(text))).toMatchObject({
    ok: true,
    warnings: [],
    config: { trustedProxies: ["10.0.0.0/8"], clientSendsPerHour: 100 },
  });
});
