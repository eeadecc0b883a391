// Keeps an operation's page live. Events come by WebSocket and change the steps in place; when its state changes the
// whole part is asked for again (buttons, outcome). Without a socket it asks every few seconds. Whatever was missed
// is replayed from the last event that this page has seen, so nothing is lost by a reload or a lost connection.

const BACK_OFF = [500, 1000, 2000, 4000, 8000, 15000]; // ms between attempts to connect
const POLL_AFTER = 2; // attempts without a connection until we poll
const POLL_EVERY = 2000; // ms
const NUDGE_EVERY = 10000; // ms; the server answers with whatever is new, should a message have been lost
const NOT_FOUND = 4404; // the server's close code for "not yours, or not there"
const DONE = new Set(["succeeded", "skipped"]);

class Watch {
  constructor(element) {
    this.element = element;
    this.texts = element.dataset;
    this.connection = element.querySelector("[data-connection]");
    this.announcer = element.querySelector("[data-announce]");
    this.seq = Number(this.operation.dataset.seq);
    this.failures = 0;
    this.timers = {};
    element.addEventListener("htmx:afterSwap", () => this.swapped());
    element.addEventListener("htmx:responseError", (event) => this.refused(event.detail.xhr.status));
    window.addEventListener("online", () => this.reconnectNow());
    window.addEventListener("offline", () => this.socket?.close());
    document.addEventListener("visibilitychange", () => document.hidden || this.reconnectNow());
  }

  get operation() {
    return this.element.querySelector("#operation");
  }

  get finished() {
    return this.operation.dataset.finished === "true";
  }

  // --- the connection -----------------------------------------------------------------------------------------

  connect() {
    if (this.finished || this.gone) return;
    clearTimeout(this.timers.connect);
    const url = new URL(this.texts.socket, location.href);
    url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    url.searchParams.set("after", this.seq);
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onopen = () => this.opened();
    socket.onmessage = (message) => this.take(JSON.parse(message.data));
    socket.onclose = (event) => this.socket === socket && this.closed(event.code);
  }

  opened() {
    if (this.failures) {
      this.say(this.texts.textBack);
      this.timers.hush = setTimeout(() => this.say(""), 3000);
    }
    this.failures = 0;
    clearInterval(this.timers.poll);
    this.timers.poll = undefined;
    clearInterval(this.timers.nudge);
    this.timers.nudge = setInterval(() => this.socket.readyState === WebSocket.OPEN && this.socket.send("{}"), NUDGE_EVERY);
  }

  closed(code) {
    clearInterval(this.timers.nudge);
    this.socket = undefined;
    if (code === NOT_FOUND) return this.lost();
    if (this.finished) return undefined;
    this.failures += 1;
    clearTimeout(this.timers.hush);
    if (this.failures > POLL_AFTER) this.poll();
    else this.say(this.texts.textLost);
    const pause = BACK_OFF[Math.min(this.failures, BACK_OFF.length) - 1];
    clearTimeout(this.timers.connect);
    this.timers.connect = setTimeout(() => this.connect(), pause * (0.75 + Math.random() / 2));
    return undefined;
  }

  reconnectNow() {
    if (!this.socket && !this.finished && !this.gone) this.connect();
  }

  poll() {
    if (this.timers.poll) return;
    this.timers.poll = setInterval(() => this.refresh(), POLL_EVERY);
    this.refresh();
  }

  refused(status) {
    if ([401, 403, 404].includes(status)) this.lost();
  }

  lost() {
    this.gone = true;
    clearInterval(this.timers.poll);
    this.say(this.texts.textGone);
  }

  say(text) {
    this.connection.textContent = text;
  }

  // --- what is shown ------------------------------------------------------------------------------------------

  refresh() {
    if (this.gone) return;
    window.htmx.ajax("GET", this.texts.live, { source: this.element, target: "#operation", swap: "outerHTML" })
      .then(() => this.timers.poll && this.say(this.texts.textPolling))
      .catch(() => this.say(this.texts.textLost));
  }

  swapped() {
    this.seq = Math.max(this.seq, Number(this.operation.dataset.seq));
    if (this.finished) this.end();
  }

  take(event) {
    if (event.seq <= this.seq) return;
    this.seq = event.seq;
    this.element.dataset.lastEvent = event.time;
    const step = event.step === null ? null : this.operation.querySelector(`[data-step="${event.step}"]`);
    if (event.kind === "operation") this.soon();
    else if (!step) this.soon(); // planned anew since this page was made
    else if (event.kind === "step") this.showStep(step, event);
    else this.showProgress(step, event.data);
  }

  soon() {
    clearTimeout(this.timers.refresh);
    this.timers.refresh = setTimeout(() => this.refresh(), 50);
  }

  showStep(step, { data, time }) {
    const part = (name) => step.querySelector(`[data-${name}]`);
    if (data.state === "running" && step.dataset.state !== "running") step.dataset.started ||= time;
    step.dataset.state = data.state;
    part("label").textContent = data.state_label;
    part("detail").textContent = data.detail || "";
    part("detail").hidden = !data.detail;
    const over = DONE.has(data.state) || data.state === "failed";
    part("time").textContent = over ? this.span(step.dataset.started, time) : "";
    if (part("attempts") && data.attempts) {
      part("attempts").textContent = data.attempts;
      part("tries").hidden = false;
    }
    if (part("progress")) part("progress").hidden = true;
    if (part("output")) {
      part("output").hidden = !data.output;
      part("output").querySelector("pre").textContent = data.output || "";
    }
    if (over || data.state === "waiting") this.announcer.textContent = `${part("title").textContent}: ${data.state_label}`;
    this.count();
  }

  showProgress(step, data) {
    const line = step.querySelector("[data-progress]");
    if (!line || !data) return;
    line.textContent = data.text || Object.entries(data).map(([key, value]) => `${key}: ${value}`).join(", ");
    line.hidden = !line.textContent;
  }

  count() {
    const steps = [...this.operation.querySelectorAll("[data-step]")];
    const done = steps.filter((step) => DONE.has(step.dataset.state)).length;
    this.operation.querySelector("[data-bar]").value = done;
    const count = this.operation.querySelector("[data-count]");
    count.textContent = count.dataset.template.replace("{done}", done).replace("{all}", steps.length);
  }

  span(from, to) {
    const seconds = (new Date(to) - new Date(from)) / 1000;
    if (!from || Number.isNaN(seconds)) return "";
    const number = new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: seconds < 10 ? 1 : 0 });
    return `${number.format(Math.max(0, seconds))} s`;
  }

  end() {
    for (const name of ["connect", "refresh", "hush"]) clearTimeout(this.timers[name]);
    for (const name of ["poll", "nudge"]) clearInterval(this.timers[name]);
    this.socket?.close();
    this.say("");
    const label = this.operation.querySelector("[data-chip]").textContent;
    this.announcer.textContent = label;
    document.title = `${label} · ${document.title}`;
  }
}

const element = document.getElementById("watch");
if (element) new Watch(element).connect();
