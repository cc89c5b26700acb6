/** A server under way: started, asked for what it left behind, stopped. */
import Database from "better-sqlite3";
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeCertificate } from "../test/support/certificate.ts";
import { Child } from "./child.ts";
import { ADMIN_TOKEN } from "./database/database.ts";
import type { PeerSpec, ServerSpec, ServiceSpec } from "./server-specs.ts";
import type { SlowSync } from "./slow-sync.ts";

export interface RunningServer {
  readonly pid: number;
  readonly port: number;
  readonly tls: boolean;
  readonly users: number;
  readonly token: string;
  /** Mails that wait for being sent. */
  waitingMails(): number;
  /** @throws Error unless calls of each kind have left as many rows */
  check(acknowledged: Acknowledged): void;
  stop(): Promise<void>;
}

/** Calls that were answered with success. */
export interface Acknowledged {
  sends: number;
  verifications: number;
}

export interface Surroundings {
  /** For data that is thrown away. */
  readonly folder: string;
  readonly slowSync: SlowSync | undefined;
  /** Where mail goes, for servers with SMTP. */
  readonly smtpPort: number;
  /** Folder for CPU profiles of the service. Default: none are made. */
  readonly profiles?: string;
}

let started = 0;

export async function startServer(spec: ServerSpec, surroundings: Surroundings): Promise<RunningServer> {
  const folder = join(surroundings.folder, `server-${started++}`);
  mkdirSync(folder);
  switch (spec.kind) {
    case "service":
      return startService(spec, folder, surroundings);
    case "peer":
      return startPeer(spec, folder, surroundings);
    case "yardstick": {
      const child = new Child({ place: "server", file: spec.file });
      return { ...(await common(child, folder)), users: 1_000, waitingMails: () => 0, check: () => {} };
    }
  }
}

async function common(child: Child, folder: string) {
  const { port } = await child.next<{ port: number }>();
  const stop = async () => {
    await child.stop();
    rmSync(folder, { recursive: true });
  };
  return { pid: child.pid, port, tls: false, token: ADMIN_TOKEN, stop };
}

async function startPeer(spec: PeerSpec, folder: string, around: Surroundings): Promise<RunningServer> {
  const path = join(folder, "peer.db");
  const parameters = [path, String(spec.users), ADMIN_TOKEN];
  const child = new Child({ place: "server", file: spec.file, parameters, env: delayOf(spec, around) });
  return {
    ...(await common(child, folder)),
    users: spec.users,
    waitingMails: () => 0,
    check({ sends }) {
      const database = new Database(path, { readonly: true });
      const rows = database.prepare(spec.rows).pluck().get();
      database.close();
      if (rows !== sends)
        throw new Error(`${spec.file}: ${sends} calls were acknowledged, ${String(rows)} are there`);
    },
  };
}

/** As `npm start` does it, but for the address, the token and the data folder; the log goes to a file. */
export async function startService(
  spec: ServiceSpec,
  folder: string,
  around: Surroundings,
  mails = 0,
): Promise<RunningServer> {
  const { database, users, tls = false, onePerCommit = false, reportsMemory = false, smtp = false } = spec;
  await database.fill(folder, { users, mails });
  const log = openSync(join(folder, "log"), "a");
  const child = new Child({
    place: "server",
    file: "../bin/countersign.js",
    parameters: ["serve"],
    stderr: log,
    nodeFlags: [
      ...(onePerCommit ? ["--import", new URL("one-per-commit.mjs", import.meta.url).href] : []),
      ...(reportsMemory ? ["--import", new URL("memory-reporter.mjs", import.meta.url).href] : []),
      ...(around.profiles === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${around.profiles}`]),
    ],
    env: {
      COUNTERSIGN_LISTEN: "127.0.0.1:0",
      COUNTERSIGN_DATA_DIR: folder,
      COUNTERSIGN_ADMIN_TOKEN: ADMIN_TOKEN,
      ...database.settings(folder),
      ...(tls && certificateIn(folder)),
      ...(reportsMemory && { BENCH_MEMORY_FOLDER: folder }),
      ...(smtp && { COUNTERSIGN_SMTP_URL: `smtp://127.0.0.1:${around.smtpPort}` }),
      ...delayOf(spec, around),
    },
  });
  closeSync(log);
  const port = await bannerPort(child);
  const position = database.position(folder);
  return {
    pid: child.pid,
    port,
    tls,
    users,
    token: ADMIN_TOKEN,
    waitingMails: () => database.waitingMails(folder),
    check({ sends, verifications }) {
      const counts = database.countsSince(folder, position);
      if (counts.codesAdded !== sends || counts.verifications !== verifications)
        throw new Error(
          `${sends} SendEmailCode and ${verifications} VerifyEmail were acknowledged, there are events of ` +
            `${counts.codesAdded} and ${counts.verifications}`,
        );
    },
    async stop() {
      await child.stop("SIGTERM");
      rmSync(folder, { recursive: true });
    },
  };
}

/** The port in the address that the service says it serves at. */
export async function bannerPort(child: Child): Promise<number> {
  for (;;) {
    const url = /^\s*serving\s+(\S+)/.exec(await child.line())?.[1];
    if (url !== undefined) return Number(new URL(url).port);
  }
}

function certificateIn(folder: string): Record<string, string> {
  const { certificate, key } = makeCertificate();
  const files = {
    COUNTERSIGN_TLS_CERT: join(folder, "tls.crt"),
    COUNTERSIGN_TLS_KEY: join(folder, "tls.key"),
  };
  writeFileSync(files.COUNTERSIGN_TLS_CERT, certificate);
  writeFileSync(files.COUNTERSIGN_TLS_KEY, key, { mode: 0o600 });
  return files;
}

function delayOf(
  { syncDelayMs }: ServiceSpec | PeerSpec,
  { slowSync }: Surroundings,
): Record<string, string> {
  if (syncDelayMs === undefined) return {};
  if (slowSync === undefined) throw new Error("no slow disk without Linux and a C compiler");
  return slowSync.env(syncDelayMs);
}
