// Pages of the admin have a main landmark; in forms the first fault comes into view, and only fields that apply
// are shown.
"use strict";

/** The row of a field: its label, its input, its help. */
const rowOf = (name) => document.getElementById(`id_${name}`)?.closest(".field-row");

/** Bring the first field with a fault to the middle, free of the bars at both edges, and into focus. */
function showFirstFault() {
  const field = document.querySelector('#content [aria-invalid="true"]');
  if (!field) return;
  field.scrollIntoView({ block: "center" });
  field.focus({ preventScroll: true });
}

/** Offer only models of the kind that the action needs; a chosen one of another kind is taken back. */
function offerModels(select, kind) {
  const kinds = JSON.parse(select.dataset.kinds);
  for (const option of select.options) {
    const fits = !kinds[option.value] || kinds[option.value] === kind;
    option.hidden = option.disabled = !fits;
    if (!fits && option.selected) select.value = "";
  }
}

/** Show the fields that the chosen action has: `data-applies` names the actions of a field. */
function followAction(action) {
  const applies = JSON.parse(action.dataset.applies);
  const kind = JSON.parse(action.dataset.kindOf)[action.value];
  for (const [name, actions] of Object.entries(applies)) {
    const row = rowOf(name);
    if (row) row.hidden = !actions.includes(action.value);
  }
  for (const select of document.querySelectorAll("select[data-kinds]")) offerModels(select, kind);
  for (const part of document.querySelectorAll("fieldset.module")) {
    const rows = [...part.querySelectorAll(".field-row")];
    part.hidden = rows.length > 0 && rows.every((row) => row.hidden);
  }
}

/** Name the main landmark, which unfold's pages lack: people who listen go to it at once. */
function nameLandmark() {
  const main = document.getElementById("main") ?? document.getElementById("page");
  main?.setAttribute("role", "main");
}

/** Rows with a place in an order are dragged by a grip onto another row, whose place they take. */
function serveDrags() {
  const form = document.getElementById("rule-order");
  let dragged = null;
  for (const moves of form ? document.querySelectorAll(".assistant-moves") : []) {
    const row = moves.closest("tr");
    const grip = Object.assign(document.createElement("span"), { draggable: true, textContent: "⠿" });
    grip.className = "assistant-grip";
    grip.setAttribute("aria-hidden", "true"); // the buttons do the same
    moves.prepend(grip);
    grip.addEventListener("dragstart", (event) => {
      dragged = moves;
      event.dataTransfer.setData("text/plain", moves.dataset.move);
      event.dataTransfer.setDragImage(row, 0, 0);
    });
    row.addEventListener("dragover", (event) => dragged && event.preventDefault());
    row.addEventListener("drop", (event) => {
      if (!dragged) return;
      event.preventDefault();
      const move = Object.assign(document.createElement("input"), { type: "hidden", name: "move" });
      move.value = `${dragged.dataset.move}:${moves.dataset.place}`;
      form.append(move);
      form.submit();
    });
  }
}

/** The text of the label of a field, which gets an id to be named by. */
function labelOf(field) {
  const label = field?.id && document.querySelector(`label[for="${CSS.escape(field.id)}"]`);
  if (label) label.id ||= `label-of-${field.id}`;
  return label?.id;
}

/** Name what other libraries made without a name, and have what scrolls reached by the keyboard. */
function nameParts() {
  for (const part of document.querySelectorAll(".simplebar-content-wrapper[role=region]")) {
    part.setAttribute("aria-label", part.closest("#nav-sidebar-apps") ? "Menu" : "Rows");
  }
  for (const sign of document.querySelectorAll(".help-tooltip[aria-label]")) sign.setAttribute("role", "img");
  for (const choice of document.querySelectorAll(".select2-container")) {
    const label = labelOf(choice.previousElementSibling);
    if (!label) continue;
    for (const part of choice.querySelectorAll("[role=combobox], [role=textbox]")) {
      part.setAttribute("aria-labelledby", part.id ? `${label} ${part.id}` : label);
    }
    choice.querySelector("[role=searchbox]")?.setAttribute("aria-labelledby", label);
  }
  for (const part of document.querySelectorAll(".assistant-scroll, .assistant-text, .assistant-details pre")) {
    part.tabIndex = part.scrollWidth > part.clientWidth || part.scrollHeight > part.clientHeight ? 0 : -1;
  }
}

// Behind the libraries' own start, and again where the width changes what scrolls.
window.addEventListener("load", () => setTimeout(nameParts));
window.addEventListener("resize", nameParts);
document.addEventListener("toggle", nameParts, true);

document.addEventListener("DOMContentLoaded", () => {
  nameLandmark();
  serveDrags();
  const action = document.querySelector("select[data-applies]");
  if (action) {
    action.addEventListener("change", () => followAction(action));
    followAction(action);
  }
  showFirstFault();
});
