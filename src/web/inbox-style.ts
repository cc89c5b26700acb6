/** The looks of the inbox, beside what all pages share. From 320 px; light and dark come by the shared colours. */
export const INBOX_STYLE = `
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
[hidden] { display: none !important; }
.head { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; justify-content: space-between; }
.head h1 { margin: 0; }
.head form { display: inline; }
.quiet { padding: .25rem .75rem; background: none; color: var(--accent); border: 1px solid var(--soft); font-weight: 400; font-size: .875rem; }
.notice { margin: .5rem 0 1rem; }
.notice strong { color: var(--ink); }
.filter { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0 0 .5rem; }
.filter input { flex: 1 1 9rem; width: auto; min-width: 0; }
.status { min-height: 1.5rem; margin: 0 0 .5rem; }
.status::before { content: ""; display: inline-block; width: .5rem; height: .5rem; margin-right: .5rem; border-radius: 50%;
  background: var(--soft); }
.status.live::before { background: var(--good); }
.status.lost::before { background: var(--bad); }
.mails { margin: 0; padding: 0; list-style: none; }
.mail h2 a { text-decoration: none; }
.mail h2 a:hover { text-decoration: underline; }
.mail { padding: .875rem 1.25rem; margin: 0 0 .75rem; }
.mail .meta { margin: .125rem 0 0; }
.mail.new { border-color: var(--good); }
.got { display: flex; flex-wrap: wrap; gap: .5rem .75rem; align-items: center; margin: .625rem 0 0; }
.got .code { font-size: 1.375rem; }
.got button { padding: .375rem .75rem; font-size: .875rem; }
.got a { font-size: .875rem; }
.mailhead { margin: 0 0 1rem; }
.mailhead h1 { overflow-wrap: anywhere; font-size: 1.25rem; }
.mailhead .got .code { font-size: 2rem; }
.facts { display: grid; margin: .75rem 0 0; grid-template-columns: max-content minmax(0, 1fr); gap: .125rem .75rem; font-size: .875rem; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.views { display: flex; flex-wrap: wrap; gap: .25rem; margin: 0; padding: 0; list-style: none; }
.views a { display: block; padding: .5rem .875rem; border: 1px solid transparent; border-radius: .5rem .5rem 0 0; text-decoration: none; }
.views [aria-current] { background: var(--card); border-color: var(--line); border-bottom-color: var(--card); font-weight: 600;
  color: var(--ink); }
.view { margin: -1px 0 0; padding: .75rem; background: var(--card); border: 1px solid var(--line); border-radius: 0 .75rem .75rem .75rem; }
.view pre { margin: 0; }
.view p { margin: .75rem .25rem 0; }
iframe { display: block; width: 100%; height: 44rem; max-height: 80vh; min-height: 16rem; resize: vertical; border: 0;
  border-radius: .5rem; background: #fff; }
.pager { display: flex; justify-content: space-between; gap: 1rem; }
@media (min-width: 48rem) { main.wide { max-width: 52rem; } }
`;
