// npm run check: everything but the tests, one after the other, up to the first failure.
import { spawnSync } from "node:child_process";

const STEPS = [
  "typecheck",
  "lint",
  "format:check",
  "proto:lint",
  "proto:breaking",
  "gen:check",
  "docs:check",
];

for (const [index, step] of STEPS.entries()) {
  console.log(`check ${index + 1}/${STEPS.length}: ${step}`);
  const started = performance.now();
  const { status } = spawnSync("npm", ["run", "--silent", step], { stdio: "inherit" });
  if (status !== 0) {
    console.error(`\ncheck failed: ${step}. To run it alone: npm run ${step}`);
    process.exit(1);
  }
  console.log(`  passed in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
