// One `countersign` command in a process of its own, run from the sources to its end.
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const ENTRY = fileURLToPath(new URL("serve-from-source.ts", import.meta.url));
const TIMEOUT_MS = 30_000;

export interface CommandOptions {
  /** Settings; nothing but PATH comes from the environment of the tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of node itself, such as a module to load first. */
  readonly nodeArguments?: readonly string[];
}

export interface CommandResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function runCommand(
  args: readonly string[],
  { env = {}, nodeArguments = [] }: CommandOptions = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [...nodeArguments, ENTRY, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], ...env },
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const ended = new Promise<Pick<CommandResult, "code" | "signal">>((resolve, reject) => {
    child.once("error", reject).once("close", (code, signal) => resolve({ code, signal }));
  });
  const [stdout, stderr, end] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { ...end, stdout, stderr };
}
