// What pages do beyond HTML: they follow changes, and have some keys. Without this file all works,
// but a reader must reload to see what is new.
"use strict";

(() => {
  const live = document.querySelector("[data-live]");
  const state = document.getElementById("live");
  const say = (text, on) => {
    if (!state) return;
    state.textContent = text;
    state.dataset.state = on ? "on" : "off";
  };

  // Replaces the parts of this page that have another content now. What has the focus keeps it, and
  // what somebody has typed into is left alone.
  const refresh = async () => {
    for (const notice of document.querySelectorAll("[data-stale]")) notice.hidden = false;
    const parts = document.querySelectorAll("[data-part]");
    // A page with a form has none, and may be the answer to one: its address alone does not lead to it.
    if (parts.length === 0) return;
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok && answer.status !== 404) throw new Error(answer.statusText);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of parts) {
      const next = fresh.getElementById(part.id);
      if (!next || next.innerHTML === part.innerHTML || part.querySelector("[data-dirty]")) continue;
      const focus = document.activeElement;
      const held = part.contains(focus) ? (focus.id && "#" + CSS.escape(focus.id)) ||
        (focus.getAttribute("href") && `a[href="${CSS.escape(focus.getAttribute("href"))}"]`) : null;
      part.replaceChildren(...document.adoptNode(next).childNodes);
      part.classList.remove("changed");
      void part.offsetWidth;
      part.classList.add("changed");
      if (held) part.querySelector(held)?.focus();
    }
  };

  // One refresh at a time; what comes meanwhile asks for one more.
  let running = false;
  let again = false;
  const changed = async () => {
    again = true;
    if (running) return;
    running = true;
    try {
      while (again) {
        again = false;
        await refresh();
      }
      say("Up to date", true);
    } catch {
      say("Reload to see what is new", false);
    }
    running = false;
  };

  let source = null;
  let last = "";
  const open = () => {
    if (source || !live) return;
    const url = new URL(live.dataset.live, location.href);
    if (last) url.searchParams.set("since", last);
    source = new EventSource(url);
    source.onopen = () => say("Live", true);
    source.onerror = () => {
      say("Connection lost, trying again", false);
      // A browser that gave up (the answer was an error) is asked again when the page is shown again.
      if (source?.readyState === EventSource.CLOSED) close();
    };
    source.addEventListener("change", (event) => {
      last = event.lastEventId;
      changed();
    });
  };
  const close = () => {
    source?.close();
    source = null;
  };
  // A browser has few connections to a server: pages that nobody sees give theirs back, and catch up
  // from the last event later.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  if (!document.hidden) open();

  document.addEventListener("input", (event) => {
    event.target.dataset.dirty = "";
    // To type an answer is to choose it.
    const choice = event.target.dataset.chooses && document.getElementById(event.target.dataset.chooses);
    if (choice) choice.checked = true;
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const search = document.getElementById("find");
      if (!search) return;
      event.preventDefault();
      search.focus();
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("textarea")) {
      event.target.form?.requestSubmit();
    }
  });
})();
