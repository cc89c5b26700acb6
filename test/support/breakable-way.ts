// A way to a service, byte for byte, that can be broken.
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface BreakableWay {
  readonly url: string;
  /** How many connections were made over it. */
  readonly connections: number;
  /** Breaks every connection. New ones are let through. */
  breakNow(): void;
  /** Breaks the connection over which the service says something next, before it gets there. */
  loseNextAnswer(): void;
  close(): Promise<void>;
}

export async function openBreakableWay(port: number): Promise<BreakableWay> {
  const open = new Set<Socket>();
  let connections = 0;
  let isLosing = false;
  const server = createServer((client) => {
    connections += 1;
    const service = connect(port, "127.0.0.1");
    for (const [socket, other] of [
      [client, service],
      [service, client],
    ] as const) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        open.delete(socket);
        other.destroy();
      });
    }
    client.pipe(service);
    service.on("data", (bytes) => {
      if (!isLosing) {
        client.write(bytes);
        return;
      }
      isLosing = false;
      client.resetAndDestroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const breakNow = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    breakNow,
    loseNextAnswer: () => (isLosing = true),
    async close() {
      breakNow();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
