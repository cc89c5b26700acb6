/** The looks of the mail that tells an old address of a change: no code, no link, nothing to press. */
import { htmlFrame, INK, SOFT } from "./frame.ts";

export const NOTICE_TEXT_TEMPLATE = `{{greeting}}

{{intro}}

{{oldAddress}}
{{newAddress}}
{{time}}

{{expected}}

{{unexpected}}

{{signature}}
`;

export const NOTICE_HTML_TEMPLATE = htmlFrame(`<p class="ink" style="margin:0 0 16px;${INK}">{{greeting}}</p>
<p class="ink" style="margin:0 0 16px;${INK}">{{intro}}</p>
<p class="ink" style="margin:0 0 16px;${INK}">{{oldAddress}}<br>{{newAddress}}<br>{{time}}</p>
<p class="soft" style="margin:0 0 16px;${SOFT}">{{expected}}</p>
<p class="ink" style="margin:0 0 16px;${INK}font-weight:700;">{{unexpected}}</p>
`);
