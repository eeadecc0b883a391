// "/" goes to the search, as in many other places; not while somebody types, and not with Ctrl, Alt or Meta.

const typing = (element) => element?.closest("input, textarea, select, [contenteditable]");

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
  const fields = [...document.querySelectorAll("[role=search] input[name=q]")];
  const field = fields.reverse().find((one) => one.checkVisibility?.() ?? one.offsetParent);
  if (!field) return;
  event.preventDefault();
  field.focus();
  field.select();
});
