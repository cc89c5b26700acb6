// The service with one transaction per write, to compare group commit with: `node --import ./one-per-commit.mjs`. Nothing
// else is changed, so this rewrites the one constant as its file is loaded, and fails where it is no longer there.
import { readdirSync, readFileSync } from "node:fs";
import { registerHooks } from "node:module";

const FOLDER = new URL("../dist/service/", import.meta.url);
const GROUPED = /MAX_BATCH_TASKS = \d+;/;

const files = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".js"))
  .map((name) => new URL(name, FOLDER))
  .filter((file) => GROUPED.test(readFileSync(file, "utf8")));
if (files.length !== 1)
  throw new Error(
    `${files.length} files of ${FOLDER.pathname} have ${GROUPED}: see bench/one-per-commit.mjs`,
  );
const [{ href }] = files;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== href) return loaded;
    const source = Buffer.from(loaded.source).toString();
    return { ...loaded, source: source.replace(GROUPED, "MAX_BATCH_TASKS = 1;") };
  },
});
