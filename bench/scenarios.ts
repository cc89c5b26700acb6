/** What is measured, as data. Rows of one table run in turn, round by round, so that their ratios mean something. */
import type { Call, Format } from "./requests.ts";
import type { ServerName } from "./server-specs.ts";

export interface Row {
  readonly name: string;
  readonly server: ServerName;
  readonly format: Format;
  readonly call: Call;
  /** Calls in flight. */
  readonly inFlight: number;
  /** Mails that are made to wait right before, so that they drain meanwhile. */
  readonly mailsWaiting?: boolean;
}

export interface Table {
  readonly name: string;
  readonly title: string;
  /** Rows that the others are told as ratios to. */
  readonly yardsticks: readonly string[];
  readonly rows: readonly Row[];
  /** Only when asked for by name. */
  readonly onRequest?: boolean;
}

const row = (
  name: string,
  server: ServerName,
  format: Format,
  call: Call = "return_code",
  inFlight = 64,
): Row => ({ name, server, format, call, inFlight });

const NODE_HTTP2 = "bare node http2, fixed frame";
const CONNECT_NODE = "bare connect-node echo";
const GRPC_JS_SQLITE = "grpc-js + better-sqlite3";

/** The rows that demands look at; `bench:quick` runs them alone. */
const CALLS: readonly Row[] = [
  row(NODE_HTTP2, "node http2", "grpc"),
  row(CONNECT_NODE, "connect-node echo", "grpc"),
  row(GRPC_JS_SQLITE, "grpc-js + better-sqlite3", "grpc"),
  row("Fastify + better-sqlite3", "Fastify + better-sqlite3", "rest"),
  row("SendEmailCode, gRPC", "countersign", "grpc"),
  row("SendEmailCode, REST", "countersign", "rest"),
  row("VerifyEmail, gRPC", "countersign", "grpc", "verify"),
];

const CONCURRENCIES = [1, 64, 512];

export const QUICK: Table = {
  name: "calls",
  title: "Calls, 64 in flight",
  yardsticks: [NODE_HTTP2, CONNECT_NODE, GRPC_JS_SQLITE],
  rows: CALLS,
};

export const TABLES: readonly Table[] = [
  {
    ...QUICK,
    rows: [
      ...CALLS,
      row("bare node http, JSON", "node http", "rest"),
      row("grpc-js echo", "grpc-js echo", "grpc"),
      row("better-auth, e-mail OTP", "better-auth", "better-auth"),
      row("SendEmailCode, gRPC-Web", "countersign", "grpc-web"),
      row("SendEmailCode, Connect JSON", "countersign", "connect"),
      row("VerifyEmail, gRPC-Web", "countersign", "grpc-web", "verify"),
      row("VerifyEmail, Connect JSON", "countersign", "connect", "verify"),
      row("VerifyEmail, REST", "countersign", "rest", "verify"),
    ],
  },
  {
    name: "concurrency",
    title: "1, 64 and 512 in flight",
    yardsticks: ["bare connect-node echo, 64"],
    rows: CONCURRENCIES.flatMap((inFlight) => [
      row(`bare connect-node echo, ${inFlight}`, "connect-node echo", "grpc", "return_code", inFlight),
      row(
        `grpc-js + better-sqlite3, ${inFlight}`,
        "grpc-js + better-sqlite3",
        "grpc",
        "return_code",
        inFlight,
      ),
      row(`SendEmailCode, gRPC, ${inFlight}`, "countersign", "grpc", "return_code", inFlight),
      row(`SendEmailCode, REST, ${inFlight}`, "countersign", "rest", "return_code", inFlight),
      row(`VerifyEmail, gRPC, ${inFlight}`, "countersign", "grpc", "verify", inFlight),
    ]),
  },
  {
    name: "slow-disk",
    title: "Syncs that take longer, gRPC, 64 in flight",
    yardsticks: ["grouped", "one transaction per call, +2 ms"],
    rows: [
      row("grouped", "countersign", "grpc"),
      row("one transaction per call", "one per commit", "grpc"),
      row("grouped, +2 ms", "countersign, +2 ms", "grpc"),
      row("one transaction per call, +2 ms", "one per commit, +2 ms", "grpc"),
      row("grpc-js + better-sqlite3, +2 ms", "grpc-js + better-sqlite3, +2 ms", "grpc"),
      row("grouped, +10 ms", "countersign, +10 ms", "grpc"),
      row("one transaction per call, +10 ms", "one per commit, +10 ms", "grpc"),
      row("grouped, +20 ms", "countersign, +20 ms", "grpc"),
    ],
  },
  {
    name: "users",
    title: "Few users and many, gRPC, 64 in flight",
    yardsticks: ["SendEmailCode, 1e3 users"],
    rows: [
      row("SendEmailCode, 1e3 users", "countersign, 1e3 users", "grpc"),
      row("SendEmailCode, 1e6 users", "countersign, 1e6 users", "grpc"),
      row("VerifyEmail, 1e3 users", "countersign, 1e3 users", "grpc", "verify"),
      row("VerifyEmail, 1e6 users", "countersign, 1e6 users", "grpc", "verify"),
    ],
  },
  {
    name: "users-5e6",
    title: "Few users and very many, gRPC, 64 in flight",
    yardsticks: ["SendEmailCode, 1e3 users"],
    onRequest: true,
    rows: [
      row("SendEmailCode, 1e3 users", "countersign, 1e3 users", "grpc"),
      row("SendEmailCode, 5e6 users", "countersign, 5e6 users", "grpc"),
    ],
  },
  {
    name: "send",
    title: "SendEmailCode alone, gRPC, 64 in flight: for profiles",
    yardsticks: [],
    onRequest: true,
    rows: [row("SendEmailCode, gRPC", "countersign", "grpc")],
  },
  {
    name: "tls",
    title: "TLS, 64 in flight",
    yardsticks: ["gRPC"],
    rows: [
      row("gRPC", "countersign", "grpc"),
      row("gRPC, TLS", "countersign, TLS", "grpc"),
      row("REST", "countersign", "rest"),
      row("REST, TLS", "countersign, TLS", "rest"),
    ],
  },
  {
    name: "mail",
    title: "Calls that mail, and mail that drains beside calls, gRPC, 64 in flight",
    yardsticks: ["return_code"],
    rows: [
      row("return_code", "countersign, SMTP", "grpc"),
      row("send_code, dev inbox", "countersign", "grpc", "send_code"),
      row("send_code, SMTP", "countersign, SMTP", "grpc", "send_code"),
      { ...row("return_code, mails drain", "countersign, SMTP", "grpc"), mailsWaiting: true },
    ],
  },
];
