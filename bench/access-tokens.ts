/**
 * What a JWT costs beside a personal access token: `npm run bench:tokens`.
 *
 * One durable server, whose admin calls SendEmailCode with return_code over gRPC, in turn with its personal access token
 * and with a JWT (RS256, 2048 bits) of an issuer on loopback. Rounds begin in turn with the one and the other, and what a
 * JWT costs is told by the median of the rounds' ratios: what else the machine does falls on both. The demand is at most
 * 10 % lost; the exit code says whether it is met. ROUNDS and CALLS of the environment make it longer.
 */
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { cpus } from "node:os";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { LoadOrder, LoadResult } from "./load.ts";

const WARM_UP_ROUNDS = 1;
const ROUNDS = Number(process.env["ROUNDS"] ?? 11);
const CALLS = Number(process.env["CALLS"] ?? 6_000);
const USERS = 1_000;
const MOST_LOST = 0.1;
const CONNECTIONS = 4;
const IN_FLIGHT = 16;
const AUDIENCE = "countersign";

const USER_MARKER = "@@@@";
// SendEmailCodeRequest{user_id: "user@@@@", return_code: {}}, framed.
const MESSAGE = Buffer.from([0x0a, 8, ...Buffer.from(`user${USER_MARKER}`), 0x1a, 0]);
const FRAMED = Buffer.concat([Buffer.from([0, 0, 0, 0, MESSAGE.length]), MESSAGE]).toString("base64");

const TOKENS = ["personal", "jwt"] as const;
type TokenKind = (typeof TOKENS)[number];

interface Sample {
  readonly callsPerSecond: number;
  /** Microseconds of the server's process. */
  readonly cpuPerCall: number;
}

const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
const jwk = { ...(await exportJWK(publicKey)), kid: "bench", alg: "RS256", use: "sig" };
const issuerServer = createServer((_request, response) => {
  response.end(JSON.stringify({ keys: [jwk] }));
}).listen(0, "127.0.0.1");
await once(issuerServer, "listening");
const issuer = `http://127.0.0.1:${(issuerServer.address() as AddressInfo).port}`;

const server = spawn(
  process.execPath,
  [new URL("limits-server.ts", import.meta.url).pathname, String(USERS)],
  {
    env: {
      PATH: process.env["PATH"],
      TMPDIR: process.env["TMPDIR"],
      COUNTERSIGN_JWT_ISSUER: issuer,
      COUNTERSIGN_JWT_AUDIENCE: AUDIENCE,
      COUNTERSIGN_JWKS_URL: `${issuer}/keys`,
    },
  },
);
server.stderr.pipe(process.stderr);
const lines = createInterface(server.stdout)[Symbol.asyncIterator]();

async function next<Value>(): Promise<Value> {
  const line = await lines.next();
  if (line.done === true) throw new Error("the server ended");
  return JSON.parse(line.value) as Value;
}

const { port, token, adminId } = await next<{ port: number; token: string; adminId: string }>();
const tokens: Readonly<Record<TokenKind, string>> = {
  personal: token,
  jwt: await new SignJWT({ scope: "openid profile" })
    .setProtectedHeader({ alg: "RS256", kid: "bench", typ: "at+jwt" })
    .setIssuer(issuer)
    .setAudience(AUDIENCE)
    .setSubject(adminId)
    .setIssuedAt()
    .setExpirationTime("12h")
    .sign(privateKey),
};
let calls = 0;

async function cpuMicroseconds(): Promise<number> {
  server.stdin.write("cpu\n");
  return (await next<{ cpuMicroseconds: number }>()).cpuMicroseconds;
}

async function measure(kind: TokenKind): Promise<Sample> {
  const order: LoadOrder = {
    protocol: "http2",
    port,
    path: "/zitadel.user.v2.UserService/SendEmailCode",
    headers: {
      "content-type": "application/grpc",
      te: "trailers",
      authorization: `Bearer ${tokens[kind]}`,
    },
    body: FRAMED,
    calls: CALLS,
    connections: CONNECTIONS,
    inFlight: IN_FLIGHT,
    counters: [{ marker: USER_MARKER, from: calls, below: USERS }],
  };
  calls += CALLS;
  const file = new URL("load.ts", import.meta.url).pathname;
  const cpuBefore = await cpuMicroseconds();
  const { stdout } = await promisify(execFile)(process.execPath, [file, JSON.stringify(order)]);
  const result = JSON.parse(stdout) as LoadResult;
  // A success carries details and a code; a refusal has no body.
  if (result.calls !== CALLS || result.bodyBytes < CALLS * 40)
    throw new Error(`calls were refused: ${stdout}`);
  const cpu = (await cpuMicroseconds()) - cpuBefore;
  return { callsPerSecond: CALLS / result.seconds, cpuPerCall: cpu / CALLS };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const rounds: Readonly<Record<TokenKind, Sample>>[] = [];
for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round++) {
  process.stderr.write(`\rround ${round + 1} of ${WARM_UP_ROUNDS + ROUNDS}`);
  const samples: Partial<Record<TokenKind, Sample>> = {};
  for (const kind of round % 2 === 0 ? TOKENS : TOKENS.toReversed()) samples[kind] = await measure(kind);
  if (round >= WARM_UP_ROUNDS) rounds.push(samples as Record<TokenKind, Sample>);
}
process.stderr.write("\r");
const ended = once(server, "exit");
server.stdin.end();
await ended;
issuerServer.close();
issuerServer.closeAllConnections();

const figures = (kind: TokenKind, figure: keyof Sample) => rounds.map((samples) => samples[kind][figure]);
const kept = rounds.map(({ personal, jwt }) => jwt.callsPerSecond / personal.callsPerSecond);
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
console.log(
  `Node ${process.version}, ${cpus()[0]?.model ?? "unknown CPU"}, ${ROUNDS} rounds of ${CALLS} calls each, ${CONNECTIONS * IN_FLIGHT} in flight`,
);
console.log("| token | calls/s, median | server's CPU us, median |\n|---|---|---|");
for (const kind of TOKENS) {
  const rate = median(figures(kind, "callsPerSecond")).toFixed(0);
  console.log(`| ${kind} | ${rate} | ${median(figures(kind, "cpuPerCall")).toFixed(0)} |`);
}
const lost = 1 - median(kept);
const spread = `${percent(1 - Math.max(...kept))} to ${percent(1 - Math.min(...kept))}`;
console.log(
  `demand: with a JWT at most ${percent(MOST_LOST)} lost; ${percent(lost)} are (rounds: ${spread})`,
);
process.exitCode = lost <= MOST_LOST ? 0 : 1;
