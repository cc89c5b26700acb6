#!/usr/bin/env node
// In the syntax of Node 12 and without a static import: an older Node has to get as far as the check. It matters
// because the SQLite driver needs Node-API 10 and ends a process without it with a segmentation fault.
const [major, minor] = process.versions.node.split(".").map(Number);
const isNewEnough = (major > 22 || (major === 22 && minor >= 14)) && Number(process.versions.napi) >= 10;

if (isNewEnough) {
  import("../dist/service/main.js").then(run, (error) => {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    fail(
      "not built yet, or dependencies are missing: run `npm install`, which builds too, or `npm run build`",
    );
  });
} else {
  fail(`needs Node.js 22.14 or newer, and this is ${process.versions.node} (${process.execPath})`);
}

async function run({ main }) {
  const exitCode = await main(process.argv.slice(2));
  // A write's callback comes after everything written before it, also where stdout is asynchronous.
  process.stdout.write("", () => process.exit(exitCode));
}

function fail(message) {
  process.exitCode = 1;
  console.error(`countersign: ${message}`);
}
