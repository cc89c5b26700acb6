/**
 * The looks of the mail that carries a code; its words are in ../messages.
 *
 * Mail programs know little CSS: tables, styles on the elements, and one style sheet that only turns the colours for
 * dark mode. Nothing is loaded from anywhere, so opening the mail tells nobody anything.
 */

// The code stands alone on its line, so that a double click takes it and programs that fill in codes find it.
export const TEXT_TEMPLATE = `{{greeting}}

{{intro}}

{{code}}

{{#link}}
{{linkIntro}}

{{link}}

{{/link}}
{{#validity}}
{{validity}}

{{/validity}}
{{#ignore}}
{{ignore}}

{{/ignore}}
{{signature}}
`;

// Lists of mails show what comes first in a mail. Without these they would go on after the preheader, down to the code,
// and so show it on locked screens. U+034F joins the spaces to something that is not cut off as blank.
const PREHEADER_FILL = "&nbsp;&#847;".repeat(80);

const INK = "color:#1c2128;";
const SOFT = "color:#57606a;font-size:14px;";

export const HTML_TEMPLATE = `<!doctype html>
<html lang="{{lang}}" dir="{{dir}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<title>{{subject}}</title>
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
{{#preheader}}
<div aria-hidden="true" style="display:none;max-height:0;overflow:hidden;mso-hide:all;opacity:0;font-size:1px;line-height:1px;">{{preheader}}${PREHEADER_FILL}</div>
{{/preheader}}
<table role="presentation" class="page" width="100%" cellspacing="0" cellpadding="0" border="0" style="background-color:#f2f4f7;">
<tr><td align="center" style="padding:24px 12px;">
<table role="presentation" class="card" width="100%" cellspacing="0" cellpadding="0" border="0" style="max-width:480px;background-color:#ffffff;border:1px solid #dfe3e8;border-radius:12px;">
<tr><td align="{{start}}" style="padding:28px 24px;font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;font-size:16px;line-height:1.5;overflow-wrap:anywhere;word-break:break-word;">
<h1 class="ink" style="margin:0 0 16px;${INK}font-size:20px;line-height:1.3;font-weight:700;">{{title}}</h1>
<p class="ink" style="margin:0 0 16px;${INK}">{{greeting}}</p>
<p class="ink" style="margin:0 0 16px;${INK}">{{intro}}</p>
<p class="code" dir="ltr" style="margin:0 0 24px;padding:16px 8px 16px 12px;border:1px solid #dfe3e8;border-radius:8px;background-color:#f2f4f7;color:#0b1220;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:28px;line-height:1.2;font-weight:700;letter-spacing:4px;text-align:center;word-break:break-all;">{{code}}</p>
{{#link}}
<p style="margin:0 0 20px;text-align:center;"><a class="button" href="{{link}}" style="display:inline-block;padding:12px 24px;border-radius:8px;background-color:#1f5fd0;color:#ffffff;font-weight:600;text-decoration:none;">{{button}}</a></p>
{{#linkFallback}}
<p class="soft" style="margin:0 0 4px;${SOFT}">{{linkFallback}}</p>
{{/linkFallback}}
<p dir="ltr" style="margin:0 0 24px;font-size:14px;word-break:break-all;"><a class="link" href="{{link}}" style="color:#1f5fd0;">{{link}}</a></p>
{{/link}}
{{#validity}}
<p class="soft" style="margin:0 0 16px;${SOFT}">{{validity}}</p>
{{/validity}}
{{#ignore}}
<p class="soft" style="margin:0 0 16px;${SOFT}">{{ignore}}</p>
{{/ignore}}
{{#signature}}
<p class="soft" style="margin:0;${SOFT}">{{signature}}</p>
{{/signature}}
</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
`;
