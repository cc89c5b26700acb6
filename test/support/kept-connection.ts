// One connection that takes many requests, one after the other: what it costs to open is in no measurement.
import { once } from "node:events";
import * as http from "node:http";
import * as http2 from "node:http2";
import { buffer } from "node:stream/consumers";
import { readHttp2Answer, type RawAnswer, type RawRequest, type Target } from "./raw-http.ts";
import type { Format } from "./wire-formats.ts";

export interface KeptConnection {
  exchange(request: RawRequest): Promise<RawAnswer>;
  close(): void;
}

/** @param localAddress the address that the server sees; a loopback one of Linux, which has all of 127.0.0.0/8 */
export async function keepConnection(
  target: Target,
  { httpVersion }: Format,
  localAddress?: string,
): Promise<KeptConnection> {
  return httpVersion === 2 ? keepHttp2(target, localAddress) : keepHttp1(target, localAddress);
}

function keepHttp1({ host, port }: Target, localAddress: string | undefined): KeptConnection {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  return {
    async exchange({ method, path, headers = {}, body = "" }) {
      const where = { host, port, method, path, headers, agent };
      const outgoing = http.request({ ...where, ...(localAddress !== undefined && { localAddress }) });
      outgoing.end(body);
      const [incoming] = (await once(outgoing, "response")) as [http.IncomingMessage];
      const received = await buffer(incoming);
      const flat = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
      return {
        status: incoming.statusCode ?? 0,
        headers: Object.fromEntries(flat) as Record<string, string>,
        trailers: {},
        body: received,
      };
    },
    close: () => agent.destroy(),
  };
}

async function keepHttp2({ host, port }: Target, localAddress: string | undefined): Promise<KeptConnection> {
  const options = { ...(localAddress !== undefined && { localAddress }) };
  const session = http2.connect(`http://${host}:${port}`, options as http2.ClientSessionOptions);
  await once(session, "connect");
  return {
    async exchange({ method, path, headers = {}, body = "" }) {
      const stream = session.request({ ":method": method, ":path": path, ...headers });
      stream.end(Buffer.from(body));
      return readHttp2Answer(stream);
    },
    close: () => session.close(),
  };
}
