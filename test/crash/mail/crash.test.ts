// The short form of `npm run crash`: every kill point twice or more, on one database. CRASH_SEED makes it another one.
import { expect, test } from "@jest/globals";
import { Random } from "../../support/random.ts";
import { isOnPostgres } from "../../support/test-database.ts";
import { runCrashes } from "./crash-run.ts";
import { figures, tableOf } from "./crash-table.ts";
import { KILL_POINTS, STOPPED } from "./kill-points.ts";
import { schedule } from "./schedule.ts";

const SEED = Number(process.env["CRASH_SEED"] ?? 1);
const KILLS = 20;
const STOPS = 2;

test(`no mail is lost or stale, and none comes twice but around its final dot (seed ${SEED})`, async () => {
  const points = schedule(new Random(SEED), KILLS, STOPS);
  const { evidence, judgement, recordProblems } = await runCrashes({ seed: SEED, points });
  expect({ ...judgement, recordProblems }).toMatchObject({ findings: [], recordProblems: [] });
  expect(evidence.lives.filter(({ isKilled }) => isKilled).length).toBeGreaterThanOrEqual(KILLS);
  const table = figures(evidence, judgement, [...KILL_POINTS, STOPPED]);
  // Every point was met by mails, and what may come twice did: otherwise nothing was shown.
  expect(table.filter(({ kills, stops, mails }) => kills + stops === 0 || mails === 0)).toEqual([]);
  // On PostgreSQL instances start later than leases end, and on a busy machine callers supersede such a mail before it is
  // taken over.
  if (!isOnPostgres) expect(judgement.duplicates.length).toBeGreaterThan(0);
  expect(tableOf(table).split("\n")).toHaveLength(KILL_POINTS.length + 4);
}, 150_000);
