/**
 * The server under test: the real chain and transport over the in-memory store. `node server.ts direct|connect-node`.
 * Says where it listens, and answers each line on stdin with the CPU time it has used.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pino from "pino";
import { Authenticator } from "../src/access/authenticator.ts";
import { PersonalAccessTokens } from "../src/access/personal-access-tokens.ts";
import { bootstrap } from "../src/access/bootstrap.ts";
import { readBounceReport } from "../src/mail/bounce/bounce-report.ts";
import { Metrics } from "../src/observability/metrics.ts";
import { CallLog } from "../src/rpc/call-log.ts";
import { Chain } from "../src/rpc/chain.ts";
import { createServices } from "../src/rpc/services.ts";
import { EnvironmentFactory } from "../src/store/environment-factory.ts";
import { IdentifierFactory } from "../src/store/identifiers.ts";
import { Keyring } from "../src/store/keyring.ts";
import { createRandomPool } from "../src/store/random-pool.ts";
import { ApiHandler } from "../src/transport/api-handler.ts";
import { Listener } from "../src/transport/listener.ts";
import { UNAMBIGUOUS_ALPHABET } from "../src/verification/code.ts";
import { createMemoryStore } from "./memory-store.ts";
import { BENCH_POLICY } from "./policy.ts";

export const USER_ID = "bench";

const randomBytes = createRandomPool();
const folder = mkdtempSync(join(tmpdir(), "countersign-bench-"));
const tokenFile = join(folder, "admin.token");
const store = createMemoryStore();
const keyring = new Keyring([randomBytes(32)], randomBytes);
const environments = new EnvironmentFactory({
  nowMs: Date.now,
  randomBytes,
  identifiers: new IdentifierFactory(Date.now, randomBytes),
  keyring,
  policy: BENCH_POLICY,
  codeAlphabet: UNAMBIGUOUS_ALPHABET,
  codeLength: 6,
});
const { organizationId } = await bootstrap({
  store,
  environments,
  randomBytes,
  adminToken: undefined,
  tokenFile,
});
await store.execute(
  {
    type: "user.add",
    userId: USER_ID,
    organizationId,
    profile: { givenName: "Bench", familyName: "Mark" },
    email: { address: "bench@example.com", verification: { kind: "none" } },
  },
  environments.plain({ kind: "system" }),
);

// As in production, but into a file of no size.
const logger = pino(
  { level: "info" },
  pino.destination({
    dest: "/dev/null",
    sync: false,
    minLength: 4096,
    periodicFlush: 100,
  }),
);
const services = createServices({ store, environments, keyring, readBounceReport, randomBytes });
const callLog = new CallLog({ logger, metrics: new Metrics() });
const handler = new ApiHandler({
  chain: new Chain({
    authenticator: new Authenticator(store, new PersonalAccessTokens({ store, nowMs: Date.now })),
    callLog,
  }),
  services,
  extraRoutes: () => {},
  pages: new Map(),
  callLog,
  logger,
  corsOrigins: [],
  directUnary: process.argv[2] !== "connect-node",
});
const listener = new Listener();
const { port } = await listener.listen("127.0.0.1", 0);
listener.serve(handler);
console.log(JSON.stringify({ port, token: readFileSync(tokenFile, "utf8").trim() }));
rmSync(folder, { recursive: true });

process.stdin.on("data", () => {
  const { user, system } = process.cpuUsage();
  console.log(JSON.stringify({ cpuMicroseconds: user + system }));
});
process.stdin.on("end", () => process.exit());
