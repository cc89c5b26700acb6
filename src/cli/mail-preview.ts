/** `countersign mail preview` and `mail defaults`. */
import { writeFile } from "node:fs/promises";
import { loadConfig, type Config } from "../config.ts";
import { createComposer, type Mail, type MailAddress, type MailRequest } from "../mail/message.ts";
import { BUILT_IN_LOCALES } from "../mail/messages/built-in-locales.ts";
import { LanguageChoice } from "../mail/messages/language-choice.ts";
import { loadMailOverrides } from "../mail/messages/load-mail-overrides.ts";
import { pack } from "../mail/smtp/parcel.ts";
import { HTML_TEMPLATE, TEXT_TEMPLATE } from "../mail/templates/verification.ts";
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE } from "./exit-codes.ts";

/** Of `mail preview`. */
export interface PreviewFlags extends Record<string, string | boolean | undefined> {
  readonly locale?: string;
  readonly organization?: string;
  readonly format: "text" | "html" | "eml";
  readonly codeOnly?: boolean;
  readonly out?: string;
}

/** Of `mail defaults`. */
export interface DefaultsFlags {
  readonly locale: string;
  readonly format: "texts" | "html" | "text";
  readonly out?: string;
}

/**
 * Shows one mail, composed as the service would.
 *
 * @returns the exit code: 0, 1 when the file cannot be written, 2 for wrong settings, texts or templates
 */
export async function previewMail({
  locale,
  organization,
  format,
  codeOnly,
  out,
  ...settings
}: PreviewFlags): Promise<number> {
  const flags = { ...(settings as Record<string, string>), ...(codeOnly === true && { mailLink: "off" }) };
  const loaded = loadConfig(process.env, flags);
  if (!loaded.ok) return refuse(loaded.problems);
  const { config } = loaded;
  const { mailFrom, mailTemplates, defaultLanguage, mailLink } = config;
  const result = await loadMailOverrides({ folder: mailTemplates, defaultLanguage, codeOnly: !mailLink });
  if (!result.ok) return refuse(result.problems);
  const { overrides } = result;
  if (organization !== undefined && !overrides.organizations.has(organization)) {
    note(`there is nothing of its own for organization ${organization}: this is everyone's mail`);
  }
  const compose = createComposer({ from: mailFrom, defaultLanguage, overrides, codeOnly: !mailLink });
  const mail = compose(sampleRequest(config, locale ?? defaultLanguage, organization ?? "organization"));
  const shownIn = mail.parts?.locale ?? "";
  if (locale !== undefined && new LanguageChoice([shownIn]).lookUp([locale]) === undefined) {
    note(`there are no texts in ${locale}: readers get ${shownIn}`);
  }
  switch (format) {
    case "text":
      return write(asRead(mail), out);
    case "html":
      return write(mail.html, out);
    case "eml": {
      const parcel = pack(mail);
      if (parcel === undefined)
        return refuse([`COUNTERSIGN_MAIL_FROM: ${mailFrom.address} cannot be written in SMTP`]);
      return write(parcel.bytes, out);
    }
  }
}

/** Prints what overrides can begin with. @returns the exit code, as above */
export function printDefaults({ locale, format, out }: DefaultsFlags): Promise<number> | number {
  if (format === "html") return write(HTML_TEMPLATE, out);
  if (format === "text") return write(TEXT_TEMPLATE, out);
  const languages = [...BUILT_IN_LOCALES.keys()];
  const texts = BUILT_IN_LOCALES.get(new LanguageChoice(languages).lookUp([locale]) ?? "")?.texts;
  if (texts === undefined) {
    return refuse([
      `--locale ${JSON.stringify(locale)}: there are no texts in it; there are ${languages.join(", ")}`,
    ]);
  }
  return write(`${JSON.stringify(texts, null, 2)}\n`, out);
}

/** As a mail program would show it. */
function asRead({ from, to, subject, parts, text }: Mail): string {
  const headers = [
    ["From", mailbox(from)],
    ["To", mailbox(to)],
    ["Subject", subject],
    ["Preview", parts?.preheader ?? ""],
  ];
  return `${headers.map(([name = "", value = ""]) => `${`${name}:`.padEnd(9)}${value}`).join("\n")}\n\n${text}`;
}

function mailbox({ name, address }: MailAddress): string {
  return name === "" ? address : `${name} <${address}>`;
}

function sampleRequest(config: Config, preferredLanguage: string, organizationId: string): MailRequest {
  const { codeAlphabet, codeLength, codeTtlMs, listen, publicUrl } = config;
  const code = Array.from(
    { length: codeLength },
    (_, at) => codeAlphabet[(at * 7 + 3) % codeAlphabet.length],
  ).join("");
  const query = new URLSearchParams({ code, orgId: organizationId, userId: "ada" });
  const queuedAtMs = Date.now();
  return {
    deliveryId: "preview",
    recipient: "ada@example.com",
    user: {
      userId: "ada",
      organizationId,
      username: "ada",
      givenName: "Ada",
      familyName: "Lovelace",
      nickName: "",
      displayName: "Ada Lovelace",
      preferredLanguage,
      createdAtMs: queuedAtMs,
      changedAtMs: queuedAtMs,
    },
    code,
    link: `${publicUrl ?? `http://127.0.0.1:${listen.port}`}/verify?${query.toString()}`,
    queuedAtMs,
    expiresAtMs: queuedAtMs + codeTtlMs,
  };
}

async function write(content: string | Uint8Array, out: string | undefined): Promise<number> {
  if (out === undefined) {
    process.stdout.write(content);
    return EXIT_OK;
  }
  try {
    await writeFile(out, content);
    return EXIT_OK;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    process.stderr.write(`countersign: cannot write ${out} (${code})\n`);
    return EXIT_FAILED;
  }
}

function note(text: string): void {
  process.stderr.write(`note: ${text}\n`);
}

function refuse(problems: readonly string[]): number {
  process.stderr.write(problems.map((problem) => `${problem}\n`).join(""));
  return EXIT_USAGE;
}
