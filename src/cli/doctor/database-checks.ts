/** The database: whether it is there, sound, and of this program's version; what waits in it; what its clock says. */
import { existsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { postgresServer } from "../../app.ts";
import type { Config, PostgresConfig } from "../../config.ts";
import { inspectPostgres, type PostgresInspection } from "../../store/postgres/inspection.ts";
import { isDamage } from "../../store/sqlite/integrity.ts";
import { inspectDatabase, type DatabaseInspection } from "../../store/sqlite/inspection.ts";
import { bytesText, countText } from "../table.ts";
import { ok, problem, spanText, warning, type Check } from "./check.ts";

const MEBIBYTE = 1024 * 1024;
/** Less, and writes may soon fail. */
const LEAST_FREE_BYTES = 256 * MEBIBYTE;
const COMFORTABLE_FREE_BYTES = 1024 * MEBIBYTE;
/** A checkpoint comes every 16 MiB; a log that is longer by far is kept from it by a reader. */
const LONG_LOG_BYTES = 256 * MEBIBYTE;
/** For which a mail may be due: what is due is sent at once, by a service that runs. */
const LATE_MS = 60_000;
const TOO_LATE_MS = 10 * 60_000;
/** Clocks of two machines may differ by so much. */
const CLOCK_TOLERANCE_MS = 60_000;
/** Before this program was written. */
const EARLIEST_MS = Date.UTC(2026, 0, 1);

export interface DatabaseLook {
  readonly checks: readonly Check[];
  /** Undefined where there is none that could be read. */
  readonly inspection: Pick<DatabaseInspection, "bytes" | "metadata"> | undefined;
}

/** @param timeoutMs for each look at a server */
export async function lookAtDatabase(
  config: Config,
  nowMs: number,
  timeoutMs: number,
): Promise<DatabaseLook> {
  return config.postgres === undefined
    ? lookAtFile(config, nowMs)
    : await lookAtServer(config.postgres, nowMs, timeoutMs);
}

async function lookAtServer(
  postgres: PostgresConfig,
  nowMs: number,
  timeoutMs: number,
): Promise<DatabaseLook> {
  const { host, port, database } = postgres;
  const name = `PostgreSQL ${host}:${port}/${database}`;
  try {
    const inspection = await inspectPostgres(await postgresServer(postgres), timeoutMs);
    const checks = [
      checkServer(name, inspection),
      checkOutbox(inspection, nowMs),
      checkClock(inspection, nowMs),
    ];
    return { checks, inspection };
  } catch (error) {
    const found = `${name} cannot be reached: ${(error as Error).message}`;
    const advice = "see whether the server runs, and COUNTERSIGN_DATABASE_URL";
    return { checks: [problem("database", found, advice)], inspection: undefined };
  }
}

function checkServer(name: string, inspection: PostgresInspection): Check {
  const { serverVersion, bytes, isStandby, schemaVersion, programSchemaVersion, lastPosition } = inspection;
  const found =
    `${name}, version ${serverVersion}: ${bytesText(bytes)}, schema ${schemaVersion}, ` +
    `${countText(lastPosition)} events were recorded`;
  if (isStandby) {
    return problem("database", `${found}; it is a standby`, "name the primary: a standby takes no writes");
  }
  if (!inspection.isServable) {
    const advice = `this program knows schema ${programSchemaVersion}: run the newer Countersign that wrote it`;
    return problem("database", found, advice);
  }
  if (inspection.isUnfinished) {
    const advice = "run the same `countersign migrate-store` again: no service starts before its end";
    return problem("database", `${found}; a move into it is not at its end`, advice);
  }
  if (schemaVersion < programSchemaVersion) {
    return warning("database", found, `the next start brings it to schema ${programSchemaVersion}`);
  }
  return ok("database", found);
}

function lookAtFile({ databasePath }: Config, nowMs: number): DatabaseLook {
  if (!existsSync(databasePath)) {
    const found = `there is no ${databasePath}`;
    const advice = "the first start of the service makes it; if there was one, see COUNTERSIGN_DATA_DIR";
    return { checks: [warning("database", found, advice)], inspection: undefined };
  }
  let inspection: DatabaseInspection;
  try {
    inspection = inspectDatabase(databasePath);
  } catch (error) {
    const { message } = error as Error;
    const check = isDamage(error)
      ? damaged(databasePath, [message])
      : problem(
          "database",
          `${databasePath} cannot be read: ${message}`,
          "run this as the user that the service runs as",
        );
    return { checks: [check], inspection: undefined };
  }
  const checks = [checkDatabase(databasePath, inspection)];
  if (inspection.damage.length > 0) return { checks, inspection: undefined };
  return { checks: [...checks, checkOutbox(inspection, nowMs), checkClock(inspection, nowMs)], inspection };
}

function checkDatabase(path: string, inspection: DatabaseInspection): Check {
  const { bytes, logBytes, schemaVersion, programSchemaVersion, damage, lastPosition } = inspection;
  const found =
    `${path}: ${bytesText(bytes)}, log ${bytesText(logBytes)}, schema ${schemaVersion}, ` +
    `${countText(lastPosition)} events were recorded`;
  if (damage.length > 0) return damaged(path, damage);
  if (schemaVersion > programSchemaVersion) {
    const advice = `this program knows schema ${programSchemaVersion}: run the newer Countersign that wrote it`;
    return problem("database", found, advice);
  }
  if (schemaVersion < programSchemaVersion) {
    const advice = `the next start of this version brings it to schema ${programSchemaVersion}; make a backup before`;
    return warning("database", found, advice);
  }
  if (logBytes > LONG_LOG_BYTES) {
    return warning(
      "database",
      found,
      "something reads for long, such as a backup: the log cannot be folded in",
    );
  }
  return ok("database", `${found}, sound`);
}

function damaged(path: string, damage: readonly string[]): Check {
  return problem(
    "database",
    `${path} is damaged: ${damage.slice(0, 3).join("; ")}`,
    "stop the service, keep the files, and restore the last backup (docs/operations.md)",
  );
}

function checkOutbox(
  { waiting, dueSinceMs }: Pick<DatabaseInspection, "waiting" | "dueSinceMs">,
  nowMs: number,
): Check {
  if (waiting.length === 0) return ok("outbox", "no mail waits");
  const states = waiting.map(
    ({ state, count, oldestQueuedAtMs }) =>
      `${countText(count)} ${state} (the oldest for ${spanText(nowMs - oldestQueuedAtMs)})`,
  );
  const lateMs = nowMs - (dueSinceMs ?? nowMs);
  if (lateMs < LATE_MS) return ok("outbox", states.join(", "));
  const found = `${states.join(", ")}; due since ${spanText(lateMs)}`;
  const advice = "see whether the service runs, and what its log says of relays";
  return lateMs < TOO_LATE_MS ? warning("outbox", found, advice) : problem("outbox", found, advice);
}

function checkClock({ lastEventAtMs }: Pick<DatabaseInspection, "lastEventAtMs">, nowMs: number): Check {
  const now = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
  const advice = "set the clock of this machine, and keep it set (NTP): codes and tokens end by it";
  if (nowMs < EARLIEST_MS)
    return problem("clock", `it is ${now} here, before this program was written`, advice);
  if (lastEventAtMs === undefined) return ok("clock", `it is ${now} here`);
  const aheadMs = lastEventAtMs - nowMs;
  if (aheadMs > CLOCK_TOLERANCE_MS) {
    return problem("clock", `it is ${now} here, and the last event is ${spanText(aheadMs)} later`, advice);
  }
  return ok("clock", `it is ${now} here, the last event was ${spanText(Math.max(0, -aheadMs))} ago`);
}

/** @param databaseBytes a backup of a database here takes as much */
export async function checkDisk(config: Config, databaseBytes: number): Promise<Check> {
  const isHere = config.postgres === undefined;
  const folder = isHere ? dirname(config.databasePath) : config.dataDir;
  let free: number;
  try {
    const { bavail, bsize } = await statfs(folder);
    free = bavail * bsize;
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    return warning("disk", `${folder} cannot be looked at (${code})`, "see COUNTERSIGN_DATA_DIR");
  }
  const found = `${bytesText(free)} free in ${folder}`;
  const advice = "make room: on a full disk nothing can be written, and calls are refused";
  if (free < LEAST_FREE_BYTES) return problem("disk", found, advice);
  if (free < COMFORTABLE_FREE_BYTES || (isHere && free < databaseBytes))
    return warning("disk", found, advice);
  return ok("disk", found);
}
