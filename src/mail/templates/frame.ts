/**
 * What all mails look like.
 *
 * Mail programs know little CSS: tables, styles on the elements, and one style sheet that only turns the colours for
 * dark mode. Nothing is loaded from anywhere, so opening the mail tells nobody anything.
 */

// Lists of mails show what comes first in a mail. Without these they would go on after the preheader, down to the code,
// and so show it on locked screens. U+034F joins the spaces to something that is not cut off as blank.
const PREHEADER_FILL = "&nbsp;&#847;".repeat(80);

export const INK = "color:#1c2128;";
export const SOFT = "color:#57606a;font-size:14px;";

/** @param content what stands between the heading and the signature */
export function htmlFrame(content: string): string {
  return `<!doctype html>
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
${content}{{#signature}}
<p class="soft" style="margin:0;${SOFT}">{{signature}}</p>
{{/signature}}
</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
`;
}
