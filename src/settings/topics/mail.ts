/** How mails leave, and what they say. */
import type { Setting } from "../setting.ts";
import { onOrOff } from "../values/choices.ts";
import { filePath } from "../values/file-path.ts";
import { languageTag } from "../values/language-tag.ts";
import { sender } from "../values/sender.ts";
import { smtpServers } from "../values/smtp-servers.ts";
import {
  MAX_WEBHOOK_SECRET_BYTES,
  MIN_WEBHOOK_SECRET_BYTES,
  webhookSecrets,
  webhookUrl,
} from "../values/webhook.ts";

export const MAIL_SETTINGS = {
  smtpServers: {
    name: "SMTP_URL",
    schema: smtpServers,
    unset: "none: dev inbox",
    example: "smtp://user:password@smtp.example.com:587",
    placeholder: "urls",
    help: "SMTP server, `smtp://` (port 587) or `smtps://` (port 465), credentials percent-encoded and sent over TLS only (STARTTLS, but on loopback); several, separated by commas, are tried in order.",
    confidential: true,
  },
  mailWebhookUrl: {
    name: "MAIL_WEBHOOK_URL",
    schema: webhookUrl,
    unset: "none",
    example: "https://mailer.example.com/countersign",
    placeholder: "url",
    help: "HTTP provider that mails are posted to instead of SMTP, `https://` (`http://` to loopback only); redirects are not followed.",
    confidential: true,
  },
  mailWebhookSecret: {
    name: "MAIL_WEBHOOK_SECRET",
    schema: webhookSecrets,
    unset: "none",
    example: "whsec_$(openssl rand -base64 32)",
    placeholder: "secrets",
    help: `Secret that signs what is posted there (Standard Webhooks): \`whsec_\` and ${MIN_WEBHOOK_SECRET_BYTES} to ${MAX_WEBHOOK_SECRET_BYTES} bytes in base64; several, separated by spaces, all sign.`,
    confidential: true,
  },
  mailWebhookPrivate: {
    name: "MAIL_WEBHOOK_PRIVATE",
    schema: onOrOff,
    fallback: "off",
    example: "on",
    placeholder: "on|off",
    help: "Let the provider's name resolve to private and loopback addresses, such as those of Kubernetes services.",
  },
  devInbox: {
    name: "DEV_INBOX",
    schema: onOrOff,
    unset: "on while the listener is loopback and neither an SMTP server nor an HTTP provider is set",
    example: "off",
    placeholder: "on|off",
    help: "Keep mails in an inbox at `/inbox` instead of sending them.",
  },
  mailFrom: {
    name: "MAIL_FROM",
    schema: sender,
    fallback: "Countersign <no-reply@localhost>",
    example: "Example Accounts <accounts@example.com>",
    placeholder: "mailbox",
    help: "Sender of the mails.",
  },
  defaultLanguage: {
    name: "DEFAULT_LANGUAGE",
    schema: languageTag,
    fallback: "en",
    example: "de",
    placeholder: "tag",
    help: "Language of the mails to people who prefer none of those that there are (en, de, fr, es, it, pt, nl, pl, ja, zh and what the folder below adds).",
  },
  mailTemplates: {
    name: "MAIL_TEMPLATES",
    schema: filePath,
    unset: "none",
    example: "/etc/countersign/mail",
    placeholder: "path",
    help: "Folder of your own mail texts and templates (docs/mail.md).",
  },
  mailLink: {
    name: "MAIL_LINK",
    schema: onOrOff,
    fallback: "on",
    example: "off",
    placeholder: "on|off",
    help: "Whether mails have a link and a button beside the code.",
  },
  addressChangeNotice: {
    name: "ADDRESS_CHANGE_NOTICE",
    schema: onOrOff,
    fallback: "off",
    example: "on",
    placeholder: "on|off",
    help: "Whether a verified address is told by mail when another takes its place.",
  },
} as const satisfies Record<string, Setting>;
