// The short form of `npm run chaos`. CHAOS_SEED makes it another one.
import { expect, test } from "@jest/globals";
import { runChaos } from "./chaos-run.ts";

const SEED = Number(process.env["CHAOS_SEED"] ?? 1);

test(`three instances on one PostgreSQL, killed and cut off: nothing answered is lost (seed ${SEED})`, async () => {
  const { problems, kills, restarts, answered, mails, watcherBreaks } = await runChaos({
    seed: SEED,
    callers: 48,
    durationMs: 12_000,
    killEveryMs: 3_500,
    restartsAt: [0.25, 0.6],
  });
  expect(problems).toEqual([]);
  // Otherwise nothing was shown.
  expect(kills).toBeGreaterThanOrEqual(2);
  expect(restarts).toBe(2);
  expect(answered).toBeGreaterThan(200);
  expect(mails).toBeGreaterThan(20);
  expect(watcherBreaks).toBeGreaterThan(0);
}, 180_000);
