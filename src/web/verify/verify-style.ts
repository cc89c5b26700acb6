/** The looks of the verification page, beside what all pages share. From 320 px; light and dark come by the shared colours. */
export const VERIFY_STYLE = `
[hidden] { display: none !important; }
@media (min-height: 40rem) { main.narrow { padding-top: 4vh; } }
.brand { display: flex; align-items: center; gap: .75rem; margin: 0 0 1rem; padding: 0 .25rem; font-weight: 600; font-size: 1.0625rem; }
.brand img { display: block; max-width: 10rem; max-height: 2.5rem; }
.card { padding: 1.5rem; box-shadow: 0 1px 2px rgb(0 0 0 / .05), 0 8px 24px rgb(0 0 0 / .06); }
h1 { margin-bottom: .75rem; text-wrap: balance; overflow-wrap: anywhere; hyphens: auto; }
h1:focus { outline: none; }
:focus-visible { outline-color: var(--ink); }
.mark { display: grid; place-items: center; width: 3rem; height: 3rem; margin: 0 0 1rem; border-radius: 50%; background: var(--page);
  color: var(--soft); }
.mark.done { color: var(--good); }
.mark svg { display: block; width: 1.5rem; height: 1.5rem; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round;
  stroke-linejoin: round; }
.message { margin: 0 0 1rem; padding: .75rem 1rem; border-left: .25rem solid var(--bad); border-radius: .375rem; background: var(--page); }
.message.calm { border-left-color: var(--soft); }
.message h2 { margin: 0 0 .25rem; }
.message p { margin: 0 0 .5rem; }
.message p:last-child { margin: 0; }
input.code { padding: .75rem; font-size: 1.625rem; letter-spacing: .12em; text-align: center; }
input[aria-invalid="true"] { border-color: var(--bad); }
input:read-only { color: var(--soft); }
.whole { white-space: nowrap; }
button, a.button { min-height: 3rem; }
button.wide, a.button { display: flex; align-items: center; justify-content: center; gap: .625rem; width: 100%; padding: .625rem 1rem;
  text-align: center; }
a.button { background: var(--accent); color: var(--on-accent); border-radius: .5rem; font-weight: 600; text-decoration: none; }
button.wide[aria-disabled="true"] { cursor: progress; }
button.quiet { min-height: 2.75rem; margin: .5rem 0 0; width: 100%; background: none; color: var(--ink); border: 1px solid var(--soft);
  font-weight: 400; }
#working { display: flex; align-items: center; gap: .625rem; }
.spinner { flex: none; width: 1.125rem; height: 1.125rem; border: 2px solid currentColor; border-right-color: transparent; border-radius: 50%;
  animation: turn .9s linear infinite; }
@keyframes turn { to { transform: rotate(1turn); } }
@media (prefers-reduced-motion: reduce) { .spinner { animation-duration: 4s; } }
.ignore { margin: 1rem .25rem 0; }
.onward { margin: 1.25rem 0 0; }
.onward p { margin: 0 0 .75rem; }
`;
