// Part of npm run build: bundles the program, its own modules and the packages they use, into the few files of
// dist/service. Reading one file of a megabyte takes a start a tenth of the time that finding 900 small ones takes.
// What is imported from others' code (the package's exports) and what tests run are the modules in dist/src.
import { buildSync } from "esbuild";
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUTPUT = join(ROOT, "dist/service");

rmSync(OUTPUT, { recursive: true, force: true });
const program = bundle(["src/main.ts"], {
  // What is imported dynamically gets a file of its own.
  splitting: true,
});
// Threads are started from files of their own, which lie beside their callers here too: all in one folder. They share no
// file with the program, which would come in a third more pieces then: a start would take 2 % longer.
const threads = bundle([
  "src/store/sqlite/writer-thread.ts",
  "src/store/sqlite/checkpoint-thread.ts",
  "src/store/sqlite/list-thread.ts",
  "src/mail/thread/mail-worker.ts",
]);
copyFileSync(join(ROOT, "dist/src/web/verify/page.js"), join(OUTPUT, "page.js"));
writeFileSync(join(OUTPUT, "LICENSES.txt"), licenses([...program, ...threads]));

/** @returns the files that went in */
function bundle(entryPoints, options) {
  const { metafile } = buildSync({
    absWorkingDir: ROOT,
    entryPoints,
    outdir: OUTPUT,
    entryNames: "[name]",
    chunkNames: "[name]-[hash]",
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node22",
    // An import of node:process asks for each of its properties, of which one takes as long to make as all settings to read.
    alias: { "node:process": "./scripts/process.mjs" },
    // Finds its compiled half beside itself.
    external: ["better-sqlite3"],
    // Packages in CommonJS ask for Node's modules with it.
    banner: {
      js: 'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);',
    },
    // For --enable-source-maps. Not minified: a stack has the functions' names without them.
    sourcemap: "linked",
    sourcesContent: false,
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
    ...options,
  });
  return Object.keys(metafile.inputs);
}

/** Those of the packages whose code is in the bundle: most want theirs to come along with every copy. */
function licenses(files) {
  const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  const texts = [...new Set(folders)].toSorted().map((folder) => {
    const path = join(ROOT, folder);
    const { name, version, license } = JSON.parse(readFileSync(join(path, "package.json"), "utf8"));
    const file = readdirSync(path).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? "" : `\n\n${readFileSync(join(path, file), "utf8").trim()}`;
    return `${name} ${version}: ${license}${text}\n`;
  });
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}
