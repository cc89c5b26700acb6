// npm run gen:check: is gen/ what buf generates from proto/? Generates into a temporary folder and compares.
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const temporary = mkdtempSync(join(tmpdir(), "gen-check-"));
try {
  const { status } = spawnSync("buf", ["generate", "--output", temporary], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
  else report(compare("gen", join(temporary, "gen")));
} finally {
  rmSync(temporary, { recursive: true, force: true });
}

function compare(committed, generated) {
  const read = (folder) =>
    new Map(
      globSync("**/*.ts", { cwd: folder }).map((file) => [file, readFileSync(join(folder, file), "utf8")]),
    );
  const [is, shouldBe] = [read(committed), read(generated)];
  return [...new Set([...is.keys(), ...shouldBe.keys()])].toSorted().flatMap((file) => {
    if (!is.has(file)) return [`missing   gen/${file}`];
    if (!shouldBe.has(file)) return [`left over gen/${file}`];
    return is.get(file) === shouldBe.get(file) ? [] : [`differs   gen/${file}`];
  });
}

function report(differences) {
  if (differences.length === 0) return;
  console.error(`gen/ is not what buf generates from proto/:\n\n  ${differences.join("\n  ")}\n`);
  console.error("Run `npm run gen` and commit gen/ together with proto/. gen/ is never edited by hand.");
  process.exitCode = 1;
}
