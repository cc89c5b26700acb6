/** A process of the benchmark: it says lines of JSON, and ends when its stdin does. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { placed, type Place } from "./pinning.ts";

export interface ChildOptions {
  readonly place: Place;
  /** Relative to this folder. */
  readonly file: string;
  readonly parameters?: readonly string[];
  /** Beside what every process needs. */
  readonly env?: Readonly<Record<string, string>>;
  /** Of node itself. */
  readonly nodeFlags?: readonly string[];
  /** Takes stderr: a file descriptor. Default: ours. */
  readonly stderr?: number;
}

/** What processes inherit: nothing that could set the service. */
export function baseEnv(): Record<string, string> {
  const { PATH = "", TMPDIR } = process.env;
  return { PATH, ...(TMPDIR !== undefined && { TMPDIR }) };
}

export class Child {
  readonly #process: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;
  readonly #exited: Promise<unknown>;

  constructor({ place, file, parameters = [], env = {}, nodeFlags = [], stderr = 2 }: ChildOptions) {
    const script = fileURLToPath(new URL(file, import.meta.url));
    const [command, ...rest] = placed(place, [process.execPath, ...nodeFlags, script, ...parameters]);
    const child = spawn(command, rest, { stdio: ["pipe", "pipe", stderr], env: { ...baseEnv(), ...env } });
    // A number for stderr makes node's types forget that the others are pipes.
    this.#process = child as ChildProcessByStdio<Writable, Readable, null>;
    this.#exited = once(this.#process, "exit");
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** The next line of its stdout. @throws Error when it ended instead */
  async line(): Promise<string> {
    const line = await this.#lines.next();
    if (line.done === true)
      throw new Error(`a process of the benchmark ended: ${this.#process.spawnargs.join(" ")}`);
    return line.value;
  }

  async next<Value>(): Promise<Value> {
    return JSON.parse(await this.line()) as Value;
  }

  async ask<Value>(question: object): Promise<Value> {
    this.#process.stdin.write(`${JSON.stringify(question)}\n`);
    return this.next<Value>();
  }

  /** By the end of its stdin, or a signal where it does not look at that. */
  async stop(signal?: NodeJS.Signals): Promise<void> {
    if (signal === undefined) this.#process.stdin.end();
    else this.#process.kill(signal);
    await this.#exited;
  }
}
