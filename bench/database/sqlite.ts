/** SQLite in the data folder. Databases with users only are made once and copied from `bench/.cache`. */
import Database from "better-sqlite3";
import { createHash } from "node:crypto";
import { constants, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Child } from "../child.ts";
import type { BenchDatabase, Counts, DatabaseContent } from "./database.ts";

const CACHE = fileURLToPath(new URL("../.cache", import.meta.url));
/** What a database looks like inside follows from these. */
const SHAPE_FILES = [
  "../../src/store/sqlite/schema.ts",
  "../../src/verification/user/state.ts",
  "fill-sqlite.ts",
];

const COUNTS = `SELECT count(*) FILTER (WHERE type = 'user.human.email.code.added') AS codesAdded,
  count(*) FILTER (WHERE type = 'user.human.email.verified') AS verifications FROM events WHERE position > ?`;

export const SQLITE: BenchDatabase = {
  async fill(folder, content) {
    if (content.mails > 0) {
      // Not kept: the codes in mails expire.
      await make(folder, content);
      return;
    }
    const kept = join(CACHE, `sqlite-${content.users}-${shape()}`);
    if (!existsSync(kept)) {
      const making = `${kept}.making`;
      rmSync(making, { recursive: true, force: true });
      await make(making, content);
      renameSync(making, kept);
    }
    cpSync(kept, folder, { recursive: true, mode: constants.COPYFILE_FICLONE });
  },

  settings: () => ({}),

  position: (folder) =>
    read(folder, (database) =>
      database.prepare("SELECT coalesce(max(position), 0) FROM events").pluck().get(),
    ) as number,

  countsSince: (folder, position) =>
    read(folder, (database) => database.prepare(COUNTS).get(position)) as Counts,

  waitingMails: (folder) =>
    read(folder, (database) =>
      database.prepare("SELECT count(*) FROM outbox WHERE due_at_ms IS NOT NULL").pluck().get(),
    ) as number,
};

async function make(folder: string, { users, mails }: DatabaseContent): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const parameters = [folder, String(users), String(mails)];
  const child = new Child({ place: "anywhere", file: "database/fill-sqlite.ts", parameters });
  await child.next();
  await child.stop();
}

function read(folder: string, query: (database: Database.Database) => unknown): unknown {
  const database = new Database(join(folder, "countersign.db"), { readonly: true });
  try {
    return query(database);
  } finally {
    database.close();
  }
}

function shape(): string {
  const hash = createHash("sha256");
  for (const file of SHAPE_FILES) hash.update(readFileSync(new URL(file, import.meta.url)));
  return hash.digest("hex").slice(0, 8);
}
