// Part of npm run build: bundles the verification page's script and puts it beside the module that serves it.
// With --print it writes the script to standard output instead, for a service that runs from its sources.
import { buildSync } from "esbuild";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const isPrinted = process.argv.includes("--print");

const { outputFiles } = buildSync({
  absWorkingDir: ROOT,
  entryPoints: ["src/web/verify/browser/page.ts"],
  outfile: "dist/src/web/verify/page.js",
  bundle: true,
  minify: true,
  format: "iife",
  platform: "browser",
  // What does not understand this sends the form.
  target: "es2022",
  legalComments: "none",
  charset: "utf8",
  write: !isPrinted,
  logLevel: "warning",
});
if (isPrinted) process.stdout.write(outputFiles[0].contents);
