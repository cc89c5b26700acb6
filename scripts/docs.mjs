// Writes what is generated in the documents: the settings table and the example in README.md, docs/errors.md, and who may
// call what in docs/access.md.
// `npm run docs` writes; with --check it only says what is behind. Reads the compiled code in dist/.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { renderSettingsTable } from "../dist/src/config.js";
import { failureCatalogue } from "../dist/src/verification/failures.js";
import { renderMatrix } from "../test/wire/access-matrix/document.ts";

const root = new URL("../", import.meta.url);
const read = (path) => (existsSync(new URL(path, root)) ? readFileSync(new URL(path, root), "utf8") : "");

function readme() {
  return read("README.md")
    .replace(
      /(<!-- settings -->\n)[^]*?(<!-- \/settings -->)/,
      (_all, open, close) => `${open}${renderSettingsTable().trim()}\n${close}`,
    )
    .replace(
      /(<!-- file: (\S+) -->\n```\w*\n)[^]*?(```)/g,
      (_all, open, file, close) => `${open}${read(file)}${close}`,
    );
}

function access() {
  return read("docs/access.md").replace(
    /(<!-- access matrix -->\n)[^]*?(<!-- \/access matrix -->)/,
    (_all, open, close) => `${open}${renderMatrix()}\n${close}`,
  );
}

function errors() {
  const rows = Object.values(failureCatalogue)
    .toSorted((a, b) => a.reason.localeCompare(b.reason) || (a.id ?? "").localeCompare(b.id ?? ""))
    .map(({ reason, code, id, text, remedy }) => {
      const cells = [`\`${reason}\``, code.toUpperCase(), id === undefined ? "" : `\`${id}\``, text, remedy];
      return `| ${cells.join(" | ")} |`;
    });
  return `# Errors

Every error carries \`google.rpc.ErrorInfo\` with domain \`countersign\` and one of the reasons below: match on the reason, it
never changes. Where ZITADEL has an id, the message ends in it and \`zitadel.v1.ErrorDetail\` carries it as the first detail.
Broken request rules add \`google.rpc.BadRequest\` with the field, failed preconditions \`google.rpc.PreconditionFailure\`,
refusals that pass \`google.rpc.RetryInfo\` (with RESOURCE_EXHAUSTED and UNAVAILABLE also \`Retry-After\` in seconds over REST and Connect,
\`grpc-retry-pushback-ms\` over gRPC and gRPC-Web), limits \`google.rpc.QuotaFailure\`. On REST paths the body is a \`google.rpc.Status\` in JSON.

This page is made from the catalogue in \`src/verification/failures.ts\` by \`npm run docs\`.

| Reason | gRPC code | ZITADEL's id | Text | What to do |
| --- | --- | --- | --- | --- |
${rows.join("\n")}
`;
}

const check = process.argv.includes("--check");
const documents = { "README.md": readme(), "docs/access.md": access(), "docs/errors.md": errors() };
for (const [path, content] of Object.entries(documents)) {
  if (content === read(path)) continue;
  if (check) {
    console.error(`${path} is behind the code it is made from: run \`npm run docs\``);
    process.exitCode = 1;
  } else {
    writeFileSync(new URL(path, root), content);
    console.log(`wrote ${path}`);
  }
}
