/**
 * What the inbox's pages do in a browser that runs scripts: copy, search while one types, show new mails by themselves.
 *
 * The list is not drawn here. When the server says that a mail has come, the page is fetched again and its list put in the
 * place of the old one: so there is one way to draw a mail, and the one that escapes. The question stays open until
 * something comes (long polling), while the page can be seen; a browser opens six connections to a host, not more.
 */
export const SCRIPT_PATH = "/inbox/inbox.js";

export const INBOX_SCRIPT = String.raw`"use strict";
(() => {
const status = document.getElementById("status");
const search = document.getElementById("search");
const COPIED_MS = 2000, TYPING_MS = 150, RETRY_MS = 2000;
let listPath = location.pathname + location.search;
let poll = new AbortController();
let watching = false;

prepare(document);
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});
if (list()) {
  search.addEventListener("input", debounce(showSearch, TYPING_MS));
  search.form.addEventListener("submit", (event) => { event.preventDefault(); showSearch(); });
  document.addEventListener("visibilitychange", () => { if (document.hidden) poll.abort(); });
  watch();
}

function list() { return document.getElementById("list"); }

/** Copy buttons work from here on, and times are the reader's. */
function prepare(root) {
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
  for (const time of root.querySelectorAll("time")) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    time.title = time.textContent;
    time.textContent = date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
  }
}

async function copy(button) {
  const done = await writeClipboard(button.dataset.copy);
  button.label ??= button.textContent;
  button.textContent = done ? "Copied" : "Cannot copy";
  if (!list()) say(done ? "Copied" : "Cannot copy", "");
  clearTimeout(button.timer);
  button.timer = setTimeout(() => { button.textContent = button.label; }, COPIED_MS);
}

/** The clipboard's own API is for TLS and this machine; elsewhere there is the old way. */
async function writeClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    const focused = document.activeElement;
    area.value = text;
    area.className = "sr";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    focused?.focus();
    return done;
  }
}

function showSearch() {
  const text = search.value.trim();
  listPath = text === "" ? "/inbox" : "/inbox?" + new URLSearchParams({ search: text });
  history.replaceState(null, "", listPath);
  poll.abort();
  refresh().then(() => watching || watch(), () => say("Not connected, trying again.", "lost"));
}

async function watch() {
  let first = true;
  watching = true;
  for (;;) {
    await visible();
    poll = new AbortController();
    try {
      if (!first) await refresh();
      first = false;
      while (list().dataset.live === "yes") {
        say(document.querySelector(".mail.new") ? status.textContent : "Live: new mails show up by themselves.", "live");
        if (await hasNews(poll.signal)) await refresh();
      }
      say("Older mails. New ones show up on the first page.", "");
      watching = false;
      return;
    } catch (error) {
      if (poll.signal.aborted) continue;
      if (error.signedOut) return say("Signed out: reload the page to sign in.", "lost");
      say("Not connected, trying again.", "lost");
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function hasNews(signal) {
  const shown = list();
  const query = new URLSearchParams(new URL(listPath, location.href).search);
  query.set("after", shown.querySelector("[data-id]")?.dataset.id ?? "");
  const answer = await ask("/inbox/news?" + query, signal);
  return (await answer.json()).changed;
}

async function refresh() {
  const path = listPath;
  const answer = await ask(path);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("list");
  // Somebody typed on meanwhile.
  if (!fresh || path !== listPath) return;
  const known = new Set(ids(list()));
  const focused = document.activeElement?.closest?.("[data-id]")?.dataset.id;
  const place = focused && [...focusable(focused)].indexOf(document.activeElement);
  prepare(fresh);
  const samePlace = list().dataset.path === path || list().dataset.path === undefined;
  fresh.dataset.path = path;
  list().replaceWith(document.adoptNode(fresh));
  const news = samePlace ? ids(fresh).filter((id) => !known.has(id)) : [];
  for (const id of news) item(id).classList.add("new");
  if (focused) focusable(focused)[place]?.focus();
  if (news.length > 0) {
    const newest = item(news[0]).querySelector(".meta").textContent;
    say(news.length === 1 ? "New mail. " + newest : news.length + " new mails.", "live");
  }
}

/** @throws Error of answers that are none */
async function ask(path, signal) {
  const answer = await fetch(path, { signal, cache: "no-store", headers: { accept: "text/html" } });
  if (answer.ok) return answer;
  throw Object.assign(new Error(answer.status), { signedOut: answer.status === 401 });
}

function ids(root) { return [...root.querySelectorAll("[data-id]")].map((mail) => mail.dataset.id); }
function item(id) { return list().querySelector('[data-id="' + CSS.escape(id) + '"]'); }
function focusable(id) { return item(id)?.querySelectorAll("a, button") ?? []; }

function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}

function say(text, kind) {
  if (status.textContent !== text) status.textContent = text;
  status.classList.toggle("live", kind === "live");
  status.classList.toggle("lost", kind === "lost");
}

function debounce(call, ms) {
  let timer;
  return () => { clearTimeout(timer); timer = setTimeout(call, ms); };
}
})();
`;
