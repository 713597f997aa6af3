// Keeps parts of a page up to date while it is seen. Without it every page works; one loads it again.
"use strict";

const EVERY = 5; // seconds; a part that costs more says how many: data-live="20"

function exchange(place, fresh) {
  const keyed = (root) => new Map(Array.from(root.querySelectorAll("[data-key]"), (e) => [e.dataset.key, e]));
  const before = keyed(place), after = keyed(fresh);
  const same = before.size > 0 && before.size === after.size && Array.from(after.keys()).every((key) => before.has(key));
  if (!same) {
    if (place.innerHTML !== fresh.innerHTML) place.replaceChildren(...fresh.childNodes);
    return;
  }
  // one by one: what has not changed keeps the focus, and is not read out again
  for (const [key, element] of after) {
    if (before.get(key).outerHTML !== element.outerHTML) before.get(key).replaceWith(element);
  }
}

async function renew() {
  const address = new URL(location.href);
  address.searchParams.set("live", "1");
  const answer = await fetch(address, { credentials: "same-origin", redirect: "manual" });
  if (answer.status === 401) {
    location.reload();
    return;
  }
  if (!answer.ok) throw new Error(String(answer.status));
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const place of document.querySelectorAll("[data-live]")) {
    const found = fresh.getElementById(place.id);
    if (!found || place.contains(document.activeElement)) continue;
    if (!("live" in found.dataset)) delete place.dataset.live;
    exchange(place, found);
  }
}

async function keepUp() {
  if (document.visibilityState === "visible") {
    try {
      await renew();
      document.documentElement.classList.remove("late");
    } catch {
      document.documentElement.classList.add("late");
    }
  }
  next();
}

function next() {
  const every = Array.from(document.querySelectorAll("[data-live]"), (part) => Number(part.dataset.live) || EVERY);
  if (every.length) setTimeout(keepUp, 1000 * Math.min(...every));
}

next();

// a menu closes by Escape, and when something else is clicked
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// a value's source is lit in the message beside it, by mouse, by focus and by touch
function light(event) {
  const row = event.target.closest("[data-lit-by]");
  for (const lit of document.querySelectorAll(".lit")) lit.classList.remove("lit");
  if (!row) return;
  const place = document.getElementById(row.dataset.litBy);
  if (!place) return;
  row.classList.add("lit");
  place.classList.add("lit");
  // the message alone is scrolled, where it scrolls by itself; the page stays
  const box = place.closest(".source-message");
  if (box && box.scrollHeight > box.clientHeight) {
    const inside = place.getBoundingClientRect(), around = box.getBoundingClientRect();
    if (inside.top < around.top || inside.bottom > around.bottom) {
      box.scrollTop += inside.top - around.top - around.height / 3;
    }
  }
}
if (document.querySelector("[data-lit-by]")) {
  for (const kind of ["mouseover", "focusin", "click"]) document.addEventListener(kind, light);
}
