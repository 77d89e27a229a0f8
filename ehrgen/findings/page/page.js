"use strict";
// Everything is readable without this: it shows one variant at a time, answers the pointer, and lights up a chapter.
document.documentElement.classList.add("scripted");
const articles = [...document.querySelectorAll(".variant")];
const inputs = [...document.querySelectorAll(".chooser input")];

function choose(name) {
  articles.forEach((article) => article.classList.toggle("chosen", article.dataset.variant === name));
  inputs.forEach((input) => { input.checked = input.value === name; });
}
function fromHash() {
  const name = decodeURIComponent(location.hash.slice(1)).replace(/^variant-/, "");
  if (!articles.some((article) => article.dataset.variant === name)) return;
  choose(name);
  document.getElementById("variant").scrollIntoView();
}
inputs.forEach((input) => input.addEventListener("change", () => choose(input.value)));
addEventListener("hashchange", fromHash);
if (articles.length) choose(articles[0].dataset.variant);
fromHash();

const tip = document.getElementById("tip");
function show(text, event) {
  tip.textContent = text;
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
  tip.style.top = `${event.clientY + height + 24 > innerHeight ? event.clientY - height - 10 : event.clientY + 16}px`;
}
function pair(svg, event) {
  const { cell, left, top, step, labels, values } = (svg.heat ??= JSON.parse(svg.dataset.heat));
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  const panel = Math.floor((at.x - left) / step);
  const row = Math.floor((at.y - top) / cell) + 1;
  const column = Math.floor((at.x - left - panel * step) / cell);
  if (panel < 0 || panel >= values.length || row < 1 || row >= labels.length || column < 0 || column >= row) return "";
  const said = ["real", "synthetic", "synthetic / real"].map((word, n) => {
    const value = values[n][(row * (row - 1)) / 2 + column];
    return `${word}: ${value === null ? "too few to tell" : value.toPrecision(3)}`;
  });
  return [`${labels[row]} with ${labels[column]}`, ...said].join("\n");
}
document.addEventListener("pointermove", (event) => {
  const heat = event.target.closest("[data-heat]");
  const marked = event.target.closest("svg *")?.closest(":has(> title), [data-told]");
  const title = marked?.querySelector(":scope > title");
  if (title) { // ours replaces the browser's own, which comes late
    marked.dataset.told = title.textContent;
    marked.setAttribute("aria-label", title.textContent);
    title.remove();
  }
  const text = heat ? pair(heat, event) : marked?.dataset.told;
  if (text) show(text, event);
  else tip.hidden = true;
});

document.querySelectorAll(".legend").forEach((legend) => legend.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const svg = legend.parentElement.querySelector("svg");
  const on = button.getAttribute("aria-pressed") !== "true";
  legend.querySelectorAll("button").forEach((other) => other.setAttribute("aria-pressed", String(on && other === button)));
  svg.classList.toggle("lit", on);
  svg.querySelectorAll(".code").forEach((mark) => mark.classList.toggle("on", mark.classList.contains(`c${button.dataset.chapter}`)));
}));

document.querySelectorAll(".wide").forEach((box) => { // what scrolls sideways can be reached with the keyboard
  if (box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
});
