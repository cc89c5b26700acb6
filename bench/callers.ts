/**
 * 64 callers of SendEmailCode with return_code over gRPC's transport, each at a steady pace: a call, then the rest of the
 * interval. `node callers.ts <json>`: warms up until a line comes on stdin, counts until stdin ends, then prints
 * {calls, seconds, p50Ms, p99Ms}.
 */
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import { setTimeout as sleep } from "node:timers/promises";

export interface CallersOrder {
  readonly url: string;
  readonly token: string;
  /** Whose codes are asked for, in turn. */
  readonly userIds: readonly string[];
  readonly callers: number;
  /** From the start of a call to the start of the same caller's next one. */
  readonly intervalMs: number;
}

export interface CallersResult {
  readonly calls: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const SESSIONS = 4;
const order = JSON.parse(process.argv[2] ?? "{}") as CallersOrder;
const sessions = Array.from({ length: SESSIONS }, () => connect(order.url));
const durationsMs: number[] = [];
const over = new AbortController();
let next = 0;
let startedMs = Number.POSITIVE_INFINITY;
process.stdin.once("data", () => (startedMs = performance.now()));
process.stdin.on("end", () => over.abort()).resume();

await Promise.all(Array.from({ length: order.callers }, (_, caller) => run(caller)));
const seconds = (performance.now() - startedMs) / 1_000;
for (const session of sessions) session.close();
durationsMs.sort((a, b) => a - b);
const quantile = (share: number) => durationsMs[Math.floor(durationsMs.length * share)] ?? Number.NaN;
const result: CallersResult = {
  calls: durationsMs.length,
  seconds,
  p50Ms: quantile(0.5),
  p99Ms: quantile(0.99),
};
console.log(JSON.stringify(result));

async function run(caller: number): Promise<void> {
  const session = sessions[caller % SESSIONS];
  if (session === undefined) return;
  // Not all at the same moment.
  await sleep((order.intervalMs * caller) / order.callers);
  while (!over.signal.aborted) {
    const beganMs = performance.now();
    await call(session, order.userIds[next++ % order.userIds.length] ?? "");
    const tookMs = performance.now() - beganMs;
    if (beganMs >= startedMs) durationsMs.push(tookMs);
    await sleep(Math.max(0, order.intervalMs - tookMs));
  }
}

function call(session: ClientHttp2Session, userId: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/zitadel.user.v2.UserService/SendEmailCode",
      "content-type": "application/grpc",
      te: "trailers",
      authorization: `Bearer ${order.token}`,
    });
    let status: unknown;
    const read = (headers: IncomingHttpHeaders) => (status = headers["grpc-status"] ?? status);
    stream.on("response", read).on("trailers", read);
    stream.on("error", reject);
    stream.on("close", () => {
      if (status === "0") resolve();
      else reject(new Error(`SendEmailCode answered grpc-status ${String(status)}`));
    });
    stream.resume();
    stream.end(request(userId));
  });
}

/** SendEmailCodeRequest{user_id, return_code: {}}, framed. */
function request(userId: string): Buffer {
  const message = Buffer.from([0x0a, userId.length, ...Buffer.from(userId), 0x1a, 0]);
  return Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]);
}
