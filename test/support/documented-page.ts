// A page of docs/ whose examples are run, in order, against an application of their own.
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startTestApplication } from "./application.ts";

const execute = promisify(execFile);
const ENTRY = fileURLToPath(new URL("serve-from-source.ts", import.meta.url));

export interface DocumentedPage {
  readonly text: string;
  /** What stands in it to be run: each block of `sh` below `<!-- run -->`. */
  readonly examples: readonly string[];
  /** Where the examples run; the application's data is in `data` there, and `countersign` is a command. */
  readonly folder: string;
  /**
   * Runs them in one shell, with the application where the page has `http://127.0.0.1:8080`.
   *
   * @throws Error for a command that fails, and for anything on stderr
   * @returns what they print
   */
  runExamples(): Promise<string>;
  close(): Promise<void>;
}

/** @param name of the page in docs/ */
export async function openDocumentedPage(name: string): Promise<DocumentedPage> {
  const text = await readFile(new URL(`../../docs/${name}`, import.meta.url), "utf8");
  const examples = [...text.matchAll(/<!-- run -->\n```sh\n([^]*?)```/g)].map(([, block = ""]) => block);
  const application = await startTestApplication();
  const folder = await mkdtemp(join(tmpdir(), "countersign-docs-"));
  await symlink(application.dataDir, join(folder, "data"));
  const command = join(folder, "countersign");
  await writeFile(command, `#!/bin/sh\nexec "${process.execPath}" "${ENTRY}" "$@"\n`);
  await chmod(command, 0o755);
  return {
    text,
    examples,
    folder,
    async runExamples() {
      // Answers of curl end without a line end.
      const script = examples.join("\necho\n").replaceAll("http://127.0.0.1:8080", application.url);
      const PATH = [folder, dirname(process.execPath), process.env["PATH"]].join(delimiter);
      const { stdout, stderr } = await execute("bash", ["--norc", "-euo", "pipefail", "-c", script], {
        cwd: folder,
        env: { PATH, COUNTERSIGN_LISTEN: `127.0.0.1:${application.port}` },
      });
      if (stderr !== "") throw new Error(`the examples of ${name} say on stderr: ${stderr}`);
      return stdout;
    },
    async close() {
      await application.stop();
      await rm(folder, { recursive: true });
    },
  };
}

/** Of output that is nothing but JSON objects. */
export function jsonObjects(output: string): readonly unknown[] {
  return JSON.parse(`[${output.trim().replaceAll(/}\s*\n{/g, "},\n{")}]`) as unknown[];
}
