// Forms marked data-once are sent once: the button says so after the first click. (The server would take a second
// click for the same request anyway, by the key that the page carries.) The first error gets the focus.

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    form.querySelector("[type=submit]")?.setAttribute("aria-disabled", "true");
  });
}

// A page that comes back from the browser's cache has not been sent yet.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-once]")) {
    delete form.dataset.sent;
    form.querySelector("[type=submit]")?.removeAttribute("aria-disabled");
  }
});

document.querySelector(".notice[role=alert], [aria-invalid=true]")?.focus();
