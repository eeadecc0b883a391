// Shows points in time as the reader's clock has them: <time datetime="…" data-local>.

const language = document.documentElement.lang || "en";
const day = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
const hour = new Intl.DateTimeFormat(language, { timeStyle: "short" });
const another = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

function localize(root) {
  for (const element of root.querySelectorAll("time[data-local]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const isToday = moment.toDateString() === new Date().toDateString();
    element.textContent = isToday ? `${day.format(0, "day")}, ${hour.format(moment)}` : another.format(moment);
    element.title = element.dateTime;
    element.removeAttribute("data-local");
  }
}

localize(document);
document.addEventListener("htmx:afterSwap", () => localize(document));
