// A TCP proxy on loopback that a test can make deaf: connections stay open and nothing passes, as behind a firewall that
// forgot them.
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isDeaf = false;
  /** Sees what clients send; when it answers true, that is passed on, and then the connection is cut. */
  cutsAfter: ((data: Buffer) => boolean) | undefined;

  private constructor(targetPort: number) {
    this.#server = createServer((client) => this.#join(client, targetPort));
  }

  static async to(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** From now on nothing passes, neither on the connections that stand nor on new ones. */
  goDeaf(): void {
    this.#isDeaf = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  /** New connections pass. Those of before stay deaf: who sits behind such a firewall has to connect again. */
  hear(): void {
    this.#isDeaf = false;
  }

  async close(): Promise<void> {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket, targetPort: number): void {
    const target = connect(targetPort, "127.0.0.1");
    const pair = [client, target] as const;
    this.#pairs.add(pair);
    const part = () => {
      this.#pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const socket of pair) socket.on("error", part).on("close", part);
    client.on("data", (data) => {
      if (this.cutsAfter?.(data) !== true) {
        target.write(data);
        return;
      }
      // Half-closed: the server reads all that was sent before it sees the end.
      client.off("close", part).destroy();
      target.removeAllListeners("data").resume();
      target.end(data);
    });
    target.on("data", (data) => client.write(data));
    if (this.#isDeaf) for (const socket of pair) socket.pause();
  }
}
