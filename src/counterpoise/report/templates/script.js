"use strict";
(() => {
  const tip = document.getElementById("tip");
  const hide = () => {
    tip.hidden = true;
    for (const mark of document.querySelectorAll(".chosen")) mark.classList.remove("chosen");
  };
  const show = (mark, x, y) => {
    tip.textContent = mark.dataset.tip;
    tip.hidden = false;
    const left = Math.min(x + 12, innerWidth - tip.offsetWidth - 8);
    const top = y + 16 + tip.offsetHeight > innerHeight ? y - tip.offsetHeight - 8 : y + 16;
    tip.style.left = `${Math.max(left, 4)}px`;
    tip.style.top = `${Math.max(top, 4)}px`;
  };
  document.addEventListener("pointermove", (event) => {
    const mark = event.target.closest("[data-tip]");
    if (mark) show(mark, event.clientX, event.clientY);
    else if (!document.querySelector(".chosen")) hide();
  });
  document.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const chart = document.activeElement.closest("svg.chart");
    if (event.key === "Escape") hide();
    if (!step || !chart) return;
    const marks = [...chart.querySelectorAll("[data-tip]")];
    if (!marks.length) return;
    event.preventDefault();
    const before = marks.findIndex((mark) => mark.classList.contains("chosen"));
    hide();
    const at = before < 0 ? (step > 0 ? 0 : marks.length - 1) : (before + step + marks.length) % marks.length;
    marks[at].classList.add("chosen");
    const box = marks[at].getBoundingClientRect();
    show(marks[at], box.right, box.bottom);
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("change", (event) => {
    const layer = event.target.dataset.toggle;
    if (layer === undefined) return;
    const figure = event.target.closest("figure");
    for (const path of figure.querySelectorAll(`[data-layer="${layer}"]`)) {
      path.classList.toggle("hidden", !event.target.checked);
    }
  });
})();
