/** `countersign mail`: what mails look like, and what became of those that a running service sent. */
import { Option, type Command } from "commander";
import { settingFlags } from "../config.ts";
import { DELIVERY_STATES } from "./delivery-states.ts";
import type { ListFlags, TestFlags } from "./mail-commands.ts";
import type { DefaultsFlags, PreviewFlags } from "./mail-preview.ts";
import { addServiceOptions, type ServiceFlags } from "./service-options.ts";
import { durationMs, severalOf, timeOrAgo, wholeNumber } from "./values.ts";

/** The settings of `serve` that decide what a mail looks like. */
const MAIL_FLAGS = ["--mail-templates", "--mail-from", "--default-language"];

const DEFAULT_LIST_LIMIT = 50;
const MAX_LIST_LIMIT = 10_000;
const DEFAULT_TEST_WAIT_MS = 30_000;

export interface MailContext {
  /** Receives the exit code once the command is over. */
  end(exitCode: number): void;
}

/** Adds `mail list`, `show`, `retry`, `cancel`, `test`, `preview` and `defaults`. */
export function defineMail(program: Command, context: MailContext): void {
  const mail = program
    .command("mail")
    .description("See what became of mails, and look at those that would be sent.");
  defineList(mail, context);
  defineShow(mail, context);
  defineRetry(mail, context);
  defineCancel(mail, context);
  defineTest(mail, context);
  definePreview(mail, context);
  defineDefaults(mail, context);
}

function defineList(mail: Command, context: MailContext): void {
  const list = mail
    .command("list")
    .description("List mails, newest first. All filters hold at once.")
    .option("--to <address>", "mails to an address")
    .option("--user <id>", "mails to a user")
    .addOption(
      new Option(
        "--state <state>",
        `mails in a state, may be given several times: ${DELIVERY_STATES.join(", ")}`,
      ).argParser(severalOf(DELIVERY_STATES)),
    )
    .option(
      "--since <time>",
      "mails queued since: 30m, 12h, 7d ago, or a time such as 2026-11-22T14:00Z",
      timeOrAgo,
    )
    .option("--before <time>", "mails queued before, likewise", timeOrAgo)
    .option("--organization <id>", "mails of an organization (default: all that the token may read)")
    .option(
      "--limit <count>",
      `how many at most, up to ${MAX_LIST_LIMIT} (default: ${DEFAULT_LIST_LIMIT})`,
      wholeNumber(1, MAX_LIST_LIMIT),
    );
  addServiceOptions(list).action(async (flags: Omit<ListFlags, "limit"> & { limit?: number }) => {
    // Loaded here, so that other commands do not wait for it.
    const { listMails } = await import("./mail-commands.ts");
    context.end(await listMails({ ...flags, limit: flags.limit ?? DEFAULT_LIST_LIMIT }));
  });
}

function defineShow(mail: Command, context: MailContext): void {
  const show = mail
    .command("show")
    .description("Show all that happened to a mail.")
    .argument("<mail>", "its id, its Message-ID, or an address: then the newest mail to it");
  addServiceOptions(show).action(async (which: string, flags: ServiceFlags) => {
    const { showMail } = await import("./mail-commands.ts");
    context.end(await showMail(which, flags));
  });
}

function defineRetry(mail: Command, context: MailContext): void {
  const retry = mail
    .command("retry")
    .description("Send a mail now that waits for its next attempt.")
    .argument("<id>", "the mail's id or Message-ID");
  addServiceOptions(retry).action(async (id: string, flags: ServiceFlags) => {
    const { retryMail } = await import("./mail-commands.ts");
    context.end(await retryMail(id, flags));
  });
}

function defineCancel(mail: Command, context: MailContext): void {
  const cancel = mail
    .command("cancel")
    .description("Do not send a mail that was not sent yet. Its code stays valid.")
    .argument("<id>", "the mail's id or Message-ID");
  addServiceOptions(cancel).action(async (id: string, flags: ServiceFlags) => {
    const { cancelMail } = await import("./mail-commands.ts");
    context.end(await cancelMail(id, flags));
  });
}

function defineTest(mail: Command, context: MailContext): void {
  const test = mail
    .command("test")
    .description("Send a mail without a code on the way of all others, and tell how it went.")
    .argument("<address>", "where to")
    .option("--organization <id>", "the organization whose mail it is (default: the token's)")
    .option("--allow-suppressed", "also to an address that is known to take no mail")
    .option(
      "--wait <time>",
      `how long to wait for the first attempt; 0s: not at all (default: ${DEFAULT_TEST_WAIT_MS / 1_000}s)`,
      durationMs,
    );
  addServiceOptions(test).action(
    async (address: string, { wait, ...flags }: Omit<TestFlags, "waitMs"> & { wait?: number }) => {
      const { sendTestMail } = await import("./mail-commands.ts");
      context.end(await sendTestMail(address, { ...flags, waitMs: wait ?? DEFAULT_TEST_WAIT_MS }));
    },
  );
}

function definePreview(mail: Command, context: MailContext): void {
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
    const { previewMail } = await import("./mail-preview.ts");
    context.end(await previewMail(flags));
  });
}

function defineDefaults(mail: Command, context: MailContext): void {
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
