// Starts measured-server.ts, and clients that would not fit into the process of the tests.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Target } from "./raw-http.ts";
import type { Measurement, Question, Ready } from "./measured-server.ts";

const MIB = 1024 * 1024;

/** A script beside this one in a process with a channel. */
function forkScript(name: string, args: readonly string[] = []): ChildProcess {
  return fork(fileURLToPath(new URL(name, import.meta.url)), args, {
    execArgv: ["--expose-gc"],
    env: { PATH: process.env["PATH"], COUNTERSIGN_DIRECT_UNARY: process.env["COUNTERSIGN_DIRECT_UNARY"] },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
}

async function nextMessage<T>(child: ChildProcess): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const gone = () => reject(new Error("the process ended"));
  child.once("message", resolve as (message: unknown) => void).once("exit", gone);
  try {
    return await promise;
  } finally {
    child.off("message", resolve as (message: unknown) => void).off("exit", gone);
  }
}

export class MeasuredServer {
  readonly host: string;
  readonly port: number;
  readonly token: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, { host, port, token }: Ready) {
    this.#child = child;
    this.host = host;
    this.port = port;
    this.token = token;
  }

  static async start(): Promise<MeasuredServer> {
    const child = forkScript("measured-server.ts");
    return new MeasuredServer(child, await nextMessage<Ready>(child));
  }

  async measure(): Promise<Measurement> {
    this.#ask({ kind: "measure" });
    return await nextMessage<Measurement>(this.#child);
  }

  /** Measures until it holds, or the time is up. @returns the last measurement */
  async measureUntil(isGood: (measurement: Measurement) => boolean, timeoutMs: number): Promise<Measurement> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const measurement = await this.measure();
      if (isGood(measurement) || performance.now() > deadlineMs) return measurement;
      await sleep(50);
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#ask({ kind: "stop" });
    await exited;
  }

  #ask(question: Question): void {
    this.#child.send(question);
  }
}

/** Idle connections of a process of its own. */
export class ConnectionFlood {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @param greeting what each connection sends @returns once all are open */
  static async open({ host, port }: Target, count: number, greeting: Uint8Array): Promise<ConnectionFlood> {
    const child = forkScript("connection-flood.ts", [
      host,
      String(port),
      String(count),
      Buffer.from(greeting).toString("hex"),
    ]);
    await nextMessage(child);
    return new ConnectionFlood(child);
  }

  /** Drops all of them at once. */
  async drop(): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.send("drop");
    await exited;
  }
}

export function describeMemory({ heapBytes, bufferBytes, residentBytes, connections }: Measurement): string {
  const mib = (bytes: number) => (bytes / MIB).toFixed(1);
  return `heap ${mib(heapBytes)} MiB, buffers ${mib(bufferBytes)} MiB, resident ${mib(residentBytes)} MiB, ${connections} connections`;
}
