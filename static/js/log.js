// A log on a page: stays at its end while it grows, unless its reader has scrolled up, and never grows for ever.
const MOST = 3000;
const log = document.getElementById("log-lines");

if (log) {
  const toEnd = () => { log.scrollTop = log.scrollHeight; };
  let atEnd = true;
  log.addEventListener("scroll", () => { atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40; });
  new MutationObserver(() => {
    while (log.childElementCount > MOST) log.firstElementChild.remove();
    document.getElementById("log-empty")?.remove();
    if (atEnd) toEnd();
  }).observe(log, { childList: true });
  toEnd();
}
