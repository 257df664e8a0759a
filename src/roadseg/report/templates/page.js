"use strict";
// Theme, arms that can be hidden, tables that sort, what paper shows, and the section that is being read.

const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];

function dark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

document.querySelector(".theme").addEventListener("click", () => {
  const theme = dark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try { localStorage.setItem("roadseg-theme", theme); } catch { /* a file may not be allowed to remember */ }
});

for (const button of all("[data-key]")) {
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") === "true";
    for (const same of all(`[data-key="${button.dataset.key}"]`)) same.setAttribute("aria-pressed", String(!shown));
    for (const mark of all(`[data-arm="${button.dataset.key}"]`)) mark.classList.toggle("off", shown);
  });
}

for (const button of all("th button[data-sort]")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const table = head.closest("table");
    const text = button.dataset.sort === "text";
    const first = text ? "ascending" : "descending";
    const other = text ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    for (const cell of all("th[aria-sort]", table)) cell.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
    const value = row => row.cells[head.cellIndex].dataset.value;
    const sign = order === "ascending" ? 1 : -1;
    const compare = text ? (a, b) => value(a).localeCompare(value(b)) : (a, b) => value(a) - value(b);
    table.tBodies[0].append(...[...table.tBodies[0].rows].sort((a, b) => sign * compare(a, b)));
  });
}

let closed = [];
addEventListener("beforeprint", () => {
  closed = all("details:not([open])");
  for (const part of closed) part.open = true;
});
addEventListener("afterprint", () => { for (const part of closed) part.open = false; });

const links = new Map(all(".bar nav a").map(link => [link.hash.slice(1), link]));
const reading = new IntersectionObserver(entries => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    for (const link of links.values()) link.removeAttribute("aria-current");
    links.get(target.id)?.setAttribute("aria-current", "true");
  }
}, { rootMargin: "-30% 0px -65%" });
for (const section of all("main > section")) reading.observe(section);
