// Loaded before a command: the process dies by SIGKILL when it is about to take one step more than it may survive. A step
// is whatever changes a file: a call of the file system, or a write of the database.
import { syncBuiltinESMExports } from "node:module";
import fs from "node:fs/promises";
import { Worker } from "node:worker_threads";

const survived = Number(process.env["TEST_SURVIVED_STEPS"]);
let steps = 0;

type Methods = Record<string, (...args: unknown[]) => unknown>;

function countSteps(holder: object, names: readonly string[]): void {
  const methods = holder as Methods;
  for (const name of names) {
    const original = methods[name];
    if (original === undefined) throw new Error(`there is no ${name}`);
    methods[name] = function (this: unknown, ...args) {
      if (steps++ === survived) process.kill(process.pid, "SIGKILL");
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
