// Loaded before a command: the process dies by SIGKILL when it is about to take one step more than it may survive. A step
// is whatever changes a file or a database: a call of the file system, a write of SQLite, a COMMIT that PostgreSQL is asked for.
import { syncBuiltinESMExports } from "node:module";
import fs from "node:fs/promises";
import { Socket } from "node:net";
import { Worker } from "node:worker_threads";

const survived = Number(process.env["TEST_SURVIVED_STEPS"]);
let steps = 0;

type Methods = Record<string, (...args: unknown[]) => unknown>;

function countSteps(
  holder: object,
  names: readonly string[],
  isStep: (...args: unknown[]) => boolean = () => true,
): void {
  const methods = holder as Methods;
  for (const name of names) {
    const original = methods[name];
    if (original === undefined) throw new Error(`there is no ${name}`);
    methods[name] = function (this: unknown, ...args) {
      if (isStep(...args) && steps++ === survived) process.kill(process.pid, "SIGKILL");
      return original.apply(this, args);
    };
  }
}

const file = await fs.open(import.meta.filename);
countSteps(Object.getPrototypeOf(file) as object, ["writeFile", "chmod", "chown", "sync"]);
await file.close();
countSteps(fs, ["open", "rename", "rm"]);
syncBuiltinESMExports();
countSteps(Worker.prototype, ["postMessage"]);
countSteps(
  Socket.prototype,
  ["write"],
  (bytes) => bytes instanceof Uint8Array && Buffer.from(bytes).includes("commit\0"),
);
