// The service with one transaction per write, to compare group commit with: `node --import ./one-per-commit.mjs`. Nothing
// else is changed, so this rewrites the one constant as the file is loaded, and fails where it is no longer there.
import { registerHooks } from "node:module";

const FILE = "/dist/src/store/sqlite/group-commit.js";
const GROUPED = /const MAX_BATCH_TASKS = \d+;/;

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(FILE)) return loaded;
    const source = Buffer.from(loaded.source).toString();
    if (!GROUPED.test(source))
      throw new Error(`${FILE} has no ${GROUPED} any more: see bench/one-per-commit.mjs`);
    return { ...loaded, source: source.replace(GROUPED, "const MAX_BATCH_TASKS = 1;") };
  },
});
