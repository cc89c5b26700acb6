/** Every server that is measured, as data. */
import type { BenchDatabase } from "./database/database.ts";
import { SQLITE } from "./database/sqlite.ts";

/** The service as shipped, from dist, with the defaults of its settings; what differs is said here. */
export interface ServiceSpec {
  readonly kind: "service";
  readonly database: BenchDatabase;
  readonly users: number;
  readonly tls?: boolean;
  /** How much longer each sync takes. */
  readonly syncDelayMs?: number;
  /** See one-per-commit.mjs. */
  readonly onePerCommit?: boolean;
  /** See memory-reporter.mjs; the reports go to the data folder. */
  readonly reportsMemory?: boolean;
  /** Mail goes to a relay that takes everything. Default: to the dev inbox. */
  readonly smtp?: boolean;
}

/** Answers something fixed. */
export interface YardstickSpec {
  readonly kind: "yardstick";
  readonly file: string;
}

/** What people would write, or take, instead. */
export interface PeerSpec {
  readonly kind: "peer";
  readonly file: string;
  readonly users: number;
  readonly syncDelayMs?: number;
  /** Where acknowledged calls show: a query that counts them. */
  readonly rows: string;
  /** Of bench/package.json, where it needs one. */
  readonly needs?: string;
}

export type ServerSpec = ServiceSpec | YardstickSpec | PeerSpec;

const USERS = 10_000;

const SERVICE: ServiceSpec = { kind: "service", database: SQLITE, users: USERS };
const GRPC_JS_SQLITE: PeerSpec = {
  kind: "peer",
  file: "servers/grpc-js-sqlite.ts",
  users: USERS,
  rows: "SELECT count(*) FROM events",
};

export const SERVERS = {
  countersign: SERVICE,
  "countersign, 1e3 users": { ...SERVICE, users: 1_000 },
  "countersign, 1e6 users": { ...SERVICE, users: 1_000_000 },
  "countersign, 5e6 users": { ...SERVICE, users: 5_000_000 },
  "countersign, TLS": { ...SERVICE, tls: true },
  "countersign, SMTP": { ...SERVICE, smtp: true },
  "countersign, +2 ms": { ...SERVICE, syncDelayMs: 2 },
  "countersign, +10 ms": { ...SERVICE, syncDelayMs: 10 },
  "countersign, +20 ms": { ...SERVICE, syncDelayMs: 20 },
  "one per commit": { ...SERVICE, onePerCommit: true },
  "one per commit, +2 ms": { ...SERVICE, onePerCommit: true, syncDelayMs: 2 },
  "one per commit, +10 ms": { ...SERVICE, onePerCommit: true, syncDelayMs: 10 },
  "node http2": { kind: "yardstick", file: "servers/http2-fixed-frame.ts" },
  "node http": { kind: "yardstick", file: "servers/http-json.ts" },
  "connect-node echo": { kind: "yardstick", file: "servers/connect-node-echo.ts" },
  "grpc-js echo": { kind: "yardstick", file: "servers/grpc-js-echo.ts" },
  "grpc-js + better-sqlite3": GRPC_JS_SQLITE,
  "grpc-js + better-sqlite3, +2 ms": { ...GRPC_JS_SQLITE, syncDelayMs: 2 },
  "Fastify + better-sqlite3": {
    kind: "peer",
    file: "servers/fastify-sqlite.ts",
    users: USERS,
    rows: "SELECT count(*) FROM events",
    needs: "fastify",
  },
  "better-auth": {
    kind: "peer",
    file: "servers/better-auth.ts",
    // Of a user's codes it keeps one row, so no user may have a second turn.
    users: 100_000,
    rows: "SELECT count(DISTINCT identifier) FROM verification",
    needs: "better-auth",
  },
} as const satisfies Record<string, ServerSpec>;

export type ServerName = keyof typeof SERVERS;
