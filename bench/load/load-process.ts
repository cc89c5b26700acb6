/**
 * The load: raw HTTP/1.1 and HTTP/2 over sockets, in a process of its own, so that the client is not what is measured.
 * Requests are bytes made once; of answers it reads the status, and the code where it is to be submitted.
 *
 * `node load-process.ts` takes an order (order.ts) per line, answers each with a line of JSON, and ends with stdin. A call
 * that is refused ends it.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { connect as connectTls } from "node:tls";
import { Budget } from "./budget.ts";
import { runHttp1 } from "./http1.ts";
import { runHttp2 } from "./http2.ts";
import type { LoadOrder } from "./order.ts";

const codes = new Map<number, string>();

for await (const line of createInterface(process.stdin)) {
  const order = JSON.parse(line) as LoadOrder;
  const sockets = await Promise.all(Array.from({ length: order.connections }, () => open(order)));
  const budget = new Budget(order, codes);
  for (const socket of sockets) (order.protocol === "http1" ? runHttp1 : runHttp2)(socket, order, budget);
  await budget.finished;
  const result = budget.result();
  for (const socket of sockets) socket.destroy();
  console.log(JSON.stringify(result));
}

async function open({ port, tls, protocol }: LoadOrder): Promise<Socket> {
  if (!tls) {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    return socket;
  }
  const ALPNProtocols = [protocol === "http2" ? "h2" : "http/1.1"];
  const socket = connectTls({ host: "127.0.0.1", port, ALPNProtocols, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  socket.setNoDelay(true);
  return socket;
}
