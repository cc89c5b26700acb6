/** Settings that keep a service from starting, or that it does not know. */
import type { Config, ConfigResult } from "../../config.ts";
import { loadMailOverrides } from "../../mail/messages/load-mail-overrides.ts";
import { StartError } from "../../observability/start-error.ts";
import { ok, problem, warning, type Check } from "./check.ts";

const MEND = "mend it: the service does not start so";

/** A check for each line of trouble, or one that says that there is none. */
export async function checkSettings(loaded: ConfigResult): Promise<readonly Check[]> {
  if (!loaded.ok) return loaded.problems.map((line) => problem("settings", line, MEND));
  const problems = (await startProblems(loaded.config)).map((line) => problem("settings", line, MEND));
  const warnings = loaded.warnings.map((line) =>
    warning("settings", line, "take it away, or see how it is spelt"),
  );
  const all = [...problems, ...warnings];
  return all.length === 0 ? [ok("settings", "all of them can be read")] : all;
}

async function startProblems(config: Config): Promise<readonly string[]> {
  const { mailTemplates: folder, defaultLanguage, mailLink } = config;
  const { chooseMailRoute } = await import("../../app.ts");
  const overrides = await loadMailOverrides({ folder, defaultLanguage, codeOnly: !mailLink });
  const problems = overrides.ok ? [] : [...overrides.problems];
  try {
    chooseMailRoute(config);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    problems.push(error.message);
  }
  return problems;
}
