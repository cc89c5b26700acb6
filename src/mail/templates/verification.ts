/** The looks of the mail that carries a code; its words are in ../messages. */
import { htmlFrame, INK, SOFT } from "./frame.ts";

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

export const HTML_TEMPLATE = htmlFrame(`<p class="ink" style="margin:0 0 16px;${INK}">{{greeting}}</p>
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
`);
