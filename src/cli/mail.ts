/** `countersign mail`: looks at mails without a running service, with its settings and sample data. */
import { Option, type Command } from "commander";
import { settingFlags } from "../config.ts";
import type { DefaultsFlags, PreviewFlags } from "./mail-preview.ts";

/** The settings of `serve` that decide what a mail looks like. */
const MAIL_FLAGS = ["--mail-templates", "--mail-from", "--default-language"];

export interface MailContext {
  /** Receives the exit code once the command is over. */
  end(exitCode: number): void;
}

/** Adds `mail preview` and `mail defaults`. */
export function defineMail(program: Command, context: MailContext): void {
  const mail = program.command("mail").description("Look at the mails that are sent.");
  const preview = mail
    .command("preview")
    .description("Show the mail with sample data, your texts and templates in it. Needs no running service.")
    .option("--locale <tag>", "language of the reader (default: the default language)")
    .option("--organization <id>", "organization of the reader")
    .addOption(
      formatOption("as it reads, its HTML part, or the whole message", ["text", "html", "eml"], "text"),
    )
    .option("--code-only", "without the link, as with COUNTERSIGN_MAIL_LINK=off")
    .option("--out <file>", "write to a file instead of stdout");
  for (const { flag, description } of settingFlags) {
    if (MAIL_FLAGS.some((name) => flag.startsWith(`${name} `)))
      preview.addOption(new Option(flag, description));
  }
  preview.action(async (flags: PreviewFlags) => {
    // Loaded here, so that other commands do not wait for it.
    const { previewMail } = await import("./mail-preview.ts");
    context.end(await previewMail(flags));
  });
  mail
    .command("defaults")
    .description("Print Countersign's own texts or templates, to begin your own with.")
    .option("--locale <tag>", "language of the texts", "en")
    .addOption(formatOption("texts as JSON, or the template of a part", ["texts", "html", "text"], "texts"))
    .option("--out <file>", "write to a file instead of stdout")
    .action(async (flags: DefaultsFlags) => {
      const { printDefaults } = await import("./mail-preview.ts");
      context.end(await printDefaults(flags));
    });
}

function formatOption(help: string, choices: readonly string[], fallback: string): Option {
  return new Option("--format <format>", help).choices(choices).default(fallback);
}
