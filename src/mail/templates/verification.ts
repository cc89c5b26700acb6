/**
 * The words and the looks of the mail that carries a code.
 *
 * Mail programs know little CSS: tables, styles on the elements, and one style sheet that only turns the colours for
 * dark mode. Nothing is loaded from anywhere, so opening the mail tells nobody anything.
 */
import { Eta } from "eta/core";

export interface VerificationMailData {
  /** Greets the reader; "" greets without a name. */
  readonly name: string;
  readonly code: string;
  readonly link: string;
  /** `22 November 2026 at 21:05 UTC` */
  readonly expiry: string;
  /** `1 hour` */
  readonly lifetime: string;
  readonly signature: string;
}

export interface RenderedMail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

const SUBJECT = "Verify your email address";

// The code stands alone on its line, so that a double click takes it and programs that fill in codes find it.
const TEXT = `Hello<%= it.name && " " + it.name %>,

Use this code to verify your email address:

<%= it.code %>

Or open this link and press the button there:

<%= it.link %>

The code can be used until <%= it.expiry %> (<%= it.lifetime %> after it was requested).

If it was not you who asked for this code, ignore this email: nothing happens without the code.

<%= it.signature %>
`;

const HTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<title><%= it.subject %></title>
<style>
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
  .page { background-color: #14161a !important; }
  .card { background-color: #1f2329 !important; border-color: #343a43 !important; }
  .ink { color: #f0f2f5 !important; }
  .soft { color: #a9b1bc !important; }
  .code { background-color: #14161a !important; color: #ffffff !important; border-color: #343a43 !important; }
  .button { background-color: #6ea8fe !important; color: #0b1220 !important; }
  .link { color: #8ab8ff !important; }
}
</style>
</head>
<body class="page" style="margin:0;padding:0;background-color:#f2f4f7;">
<table role="presentation" class="page" width="100%" cellspacing="0" cellpadding="0" border="0" style="background-color:#f2f4f7;">
<tr><td align="center" style="padding:24px 12px;">
<table role="presentation" class="card" width="100%" cellspacing="0" cellpadding="0" border="0" style="max-width:480px;background-color:#ffffff;border:1px solid #dfe3e8;border-radius:12px;">
<tr><td style="padding:28px 24px;font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:1.5;">
<p class="ink" style="margin:0 0 16px;color:#1c2128;">Hello<%= it.name && " " + it.name %>,</p>
<p class="ink" style="margin:0 0 16px;color:#1c2128;">Use this code to verify your email address:</p>
<p class="code" style="margin:0 0 24px;padding:16px 8px;border:1px solid #dfe3e8;border-radius:8px;background-color:#f2f4f7;color:#0b1220;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:28px;line-height:1.2;font-weight:700;letter-spacing:4px;text-align:center;word-break:break-all;"><%= it.code %></p>
<p style="margin:0 0 16px;text-align:center;"><a class="button" href="<%= it.link %>" style="display:inline-block;padding:12px 24px;border-radius:8px;background-color:#1f5fd0;color:#ffffff;font-weight:600;text-decoration:none;">Verify email address</a></p>
<p class="soft" style="margin:0 0 4px;color:#57606a;font-size:14px;">If the button does not work, open this link:</p>
<p style="margin:0 0 24px;font-size:14px;word-break:break-all;"><a class="link" href="<%= it.link %>" style="color:#1f5fd0;"><%= it.link %></a></p>
<p class="soft" style="margin:0 0 16px;color:#57606a;font-size:14px;">The code can be used until <%= it.expiry %> (<%= it.lifetime %> after it was requested).</p>
<p class="soft" style="margin:0 0 16px;color:#57606a;font-size:14px;">If it was not you who asked for this code, ignore this email: nothing happens without the code.</p>
<p class="soft" style="margin:0;color:#57606a;font-size:14px;"><%= it.signature %></p>
</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
`;

// autoTrim off: it would swallow the line breaks after values.
const htmlTemplates = new Eta({ autoEscape: true, autoTrim: false });
const textTemplates = new Eta({ autoEscape: false, autoTrim: false });
const html = htmlTemplates.compile(HTML);
const text = textTemplates.compile(TEXT);

export function renderVerificationMail(data: VerificationMailData): RenderedMail {
  return {
    subject: SUBJECT,
    text: textTemplates.render(text, data),
    html: htmlTemplates.render(html, { ...data, subject: SUBJECT }),
  };
}
