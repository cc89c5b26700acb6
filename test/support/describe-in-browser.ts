import { describe, test } from "@jest/globals";
import { noBrowserReason } from "./chromium.ts";

const way = browserTests(noBrowserReason, process.env["CI"]);
const describeOrSkip = way === "skip" ? describe.skip : describe;

/**
 * `describe` for what takes a browser. Where none can be had it is skipped, and said so; but not in CI, where nobody would
 * see that: there it fails.
 */
export function describeInBrowser(name: string, define: () => void): void {
  if (way === "skip") process.stderr.write(`not in a browser: ${noBrowserReason}\n`);
  describeOrSkip(name, way === "fail" ? failing : define);
}

function failing(): void {
  test("there is a browser", () => {
    throw new Error(`no browser in CI: ${noBrowserReason}`);
  });
}

/** @param ci value of the variable CI, which services for continuous integration set */
export function browserTests(noBrowser: string | undefined, ci: string | undefined): "run" | "skip" | "fail" {
  if (noBrowser === undefined) return "run";
  return ci === undefined || ["", "0", "false"].includes(ci) ? "skip" : "fail";
}
