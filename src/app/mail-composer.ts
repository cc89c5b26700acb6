import type { Config } from "../config.ts";
import type { ComposerOptions } from "../mail/message.ts";
import { loadMailOverrides } from "../mail/messages/load-mail-overrides.ts";
import { StartError } from "../observability/start-error.ts";

/** The texts and looks of mails, with what the operator has replaced. @throws StartError naming every problem */
export async function loadComposer(config: Config): Promise<ComposerOptions> {
  const { mailFrom: from, mailTemplates: folder, defaultLanguage, mailLink } = config;
  const codeOnly = !mailLink;
  const loaded = await loadMailOverrides({ folder, defaultLanguage, codeOnly });
  if (!loaded.ok) throw new StartError(loaded.problems.join("\n"));
  return { from, defaultLanguage, overrides: loaded.overrides, codeOnly };
}
