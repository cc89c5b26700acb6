/** A disk that is slower by so many milliseconds per sync: compiles the shim, and shows that it bites. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Child } from "./child.ts";

/** The environment that slows a process down. */
export class SlowSync {
  readonly #library: string;

  private constructor(library: string) {
    this.#library = library;
  }

  /**
   * @param folder for the compiled shim
   * @returns undefined where there is no Linux or no C compiler
   */
  static compile(folder: string): SlowSync | undefined {
    if (process.platform !== "linux") return undefined;
    const source = fileURLToPath(new URL("slow-sync.c", import.meta.url));
    const library = join(folder, "slow-sync.so");
    const options = ["-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"];
    const compilers = ["cc", "gcc"];
    const compiles = compilers.some((compiler) => spawnSync(compiler, options).status === 0);
    return compiles ? new SlowSync(library) : undefined;
  }

  env(delayMs: number): Record<string, string> {
    return { LD_PRELOAD: this.#library, SLOW_SYNC_US: String(delayMs * 1_000) };
  }

  /** @throws Error when a sync under the shim is not slower by the delay */
  async check(delayMs: number): Promise<void> {
    const child = new Child({ place: "server", file: "slow-sync-check.ts", env: this.env(delayMs) });
    const took = await child.next<Record<string, number>>();
    await child.stop();
    for (const [name, ms] of Object.entries(took)) {
      if (ms < delayMs) throw new Error(`the shim does not bite: ${name} is ${ms}, less than ${delayMs}`);
    }
  }
}
