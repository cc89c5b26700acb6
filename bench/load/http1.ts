/** HTTP/1.1 over one connection that is kept, a call at a time. */
import type { Socket } from "node:net";
import type { Budget, Call } from "./budget.ts";
import type { LoadOrder } from "./order.ts";
import { Template } from "./template.ts";

const LAST_CHUNK = Buffer.from("\r\n0\r\n\r\n");

export function runHttp1(socket: Socket, order: LoadOrder, budget: Budget): void {
  const template = new Template(requestBytes(order));
  let pending: Buffer = Buffer.alloc(0);
  let call: Call | undefined;
  let startedMs = 0;
  const send = (nowMs: number) => {
    call = budget.take(nowMs);
    if (call === undefined) return;
    startedMs = nowMs;
    socket.write(template.fill(call));
  };
  socket.on("data", (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    const body = completeBody(pending);
    if (body === undefined || call === undefined) return;
    if (order.success === "grpc-status in body" && !/grpc-status: ?0\r\n/.test(body.toString("latin1")))
      throw new Error(`a call was refused: ${body.toString("latin1")}`);
    pending = Buffer.alloc(0);
    const nowMs = performance.now();
    budget.complete(call, nowMs - startedMs, nowMs, body.length, "");
    send(nowMs);
  });
  send(performance.now());
}

function requestBytes(order: LoadOrder): Buffer {
  const body = Buffer.from(order.body, "base64");
  const host = `127.0.0.1:${order.port}`;
  const headers = Object.entries({ host, ...order.headers, "content-length": String(body.length) });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.concat([Buffer.from(`POST ${order.path} HTTP/1.1\r\n${lines}\r\n`), body]);
}

/** What follows the head, once all of it is there: up to its length, or its last chunk. @throws Error unless it is a 200 */
function completeBody(answer: Buffer): Buffer | undefined {
  const end = answer.indexOf("\r\n\r\n");
  if (end === -1) return undefined;
  const head = answer.toString("latin1", 0, end);
  if (!head.startsWith("HTTP/1.1 200")) throw new Error(`a call was refused: ${answer.toString("latin1")}`);
  const length = /content-length: (\d+)/i.exec(head)?.[1];
  const body = answer.subarray(end + 4);
  // Without a body the last chunk begins where the head ends.
  const isComplete =
    length === undefined
      ? answer.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)
      : body.length >= Number(length);
  return isComplete ? body : undefined;
}
