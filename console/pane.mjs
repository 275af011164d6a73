// SPDX-License-Identifier: Apache-2.0
// pane.mjs -- one connection: a raw WebSocket, what it said and heard, and an input.
import { element, hueOfName, sizeText, timeText } from "./dom.mjs";
import { cut, hexText, OPEN_MAX, parseHex } from "./payload.mjs";

const LINES_MAX = 500;
const RETRY_MS = [300, 10000]; // first and longest pause
const HISTORY_MAX = 50;

/** Codes after which coming back makes no sense. */
const isFinal = code => code === 1000 || (code >= 1008 && code <= 1010) || (code >= 4400 && code <= 4499);

const MEANINGS = {
  1000: "done", 1001: "going away", 1002: "protocol error", 1006: "lost", 1007: "bad text", 1008: "policy",
  1009: "too big", 1011: "the room failed", 1012: "restart", 1013: "overloaded", 4409: "replaced",
};

export class Pane {
  #socket = null;
  #where = () => null; // {service, room}
  #retryAt = 0;
  #tries = 0;
  #history = [];
  #historyAt = 0;
  #queued = []; // lines to be shown with the next frame
  #atEnd = true; // nobody has scrolled up
  #wanted = false; // somebody wants it connected

  /** options: name, where() → {service, room} or null, onRemove(pane), onChange(), onFocus(pane), keep(payload),
   *  which keeps it for later and returns "" or why not */
  constructor({ name, where, onRemove, onChange, onFocus, keep }) {
    this.#where = where;
    this.onChange = onChange;
    this.onFocus = onFocus;
    this.keep = keep;
    this.#build(name, onRemove);
    this.#show("closed", "not connected");
  }
  get name() {
    return this.user.value.trim();
  }
  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }
  get isWanted() {
    return this.#wanted;
  }
  focus() {
    this.input.focus();
  }
  setNumber(number) {
    this.box.setAttribute("aria-label", `Connection ${number}, ${this.name || "nobody"}`);
    this.number.textContent = number <= 9 ? number : "";
    this.number.title = number <= 9 ? `Alt+${number}` : "";
  }

  // ---- the connection ----------------------------------------------------------------------

  connect() {
    this.#wanted = true;
    clearTimeout(this.#retryAt);
    this.#drop();
    const where = this.#where();
    if (!where) {
      this.#show("closed", "no service to connect to");
      return;
    }
    const query = new URLSearchParams(this.name ? { user: this.name } : {});
    const more = this.query.value.trim().replace(/^\?/, "");
    const search = [query.toString(), more].filter(Boolean).join("&");
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const url = `${scheme}//${location.host}/${where.service}/${encodeURIComponent(where.room)}${search ? `?${search}` : ""}`;
    this.#show("opening", "connecting");
    const socket = (this.#socket = new WebSocket(url, "ramp.1"));
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => {
      if (socket !== this.#socket) return;
      this.#show("open", "connected");
      this.#line("note", `connected to ${where.service}/${where.room}`);
    });
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.#socket) return;
      this.#tries = 0;
      this.#line("in", typeof data === "string" ? data : new Uint8Array(data));
    });
    socket.addEventListener("close", event => {
      if (socket === this.#socket) this.#closed(event);
    });
  }
  disconnect() {
    this.#wanted = false;
    clearTimeout(this.#retryAt);
    if (this.#socket && this.#socket.readyState <= WebSocket.OPEN) this.#socket.close(1000);
    else this.#show("closed", "not connected");
  }
  /** Closes for good: no event of the old socket is heard any more. */
  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close(1000);
  }
  remove() {
    this.#wanted = false;
    clearTimeout(this.#retryAt);
    this.#drop();
    this.box.remove();
  }
  #closed({ code, reason }) {
    const meaning = MEANINGS[code] ?? "";
    const text = [`closed ${code}`, reason ? `“${reason}”` : meaning].filter(Boolean).join(" ");
    this.#line(code === 1000 || code === 1001 ? "note" : "bad", text);
    this.#socket = null;
    const again = this.#wanted && this.retry.checked && !isFinal(code);
    if (!again) this.#wanted = false;
    this.#show("closed", again ? `${text}; trying again` : text);
    if (!again) return;
    const pause = Math.min(RETRY_MS[0] * 2 ** this.#tries++, RETRY_MS[1]);
    // Not all at once: a server that restarts has many to take back.
    this.#retryAt = setTimeout(() => this.connect(), pause * (0.5 + Math.random() / 2));
  }

  // ---- sending -----------------------------------------------------------------------------

  /** Sends {text} or {bytes} as it is; false: it is not connected, and says so. */
  sendPayload({ text, bytes }) {
    if (!this.isOpen) {
      this.#line("bad", "not connected: nothing was sent");
      return false;
    }
    this.#socket.send(bytes ?? text);
    this.#line("out", bytes ?? text);
    return true;
  }
  /** What stands in the input, as a payload; null: it is no hex, which is said. */
  #typed() {
    const text = this.input.value;
    if (this.mode.value !== "hex") return { text };
    const bytes = parseHex(text);
    if (!bytes) this.#line("bad", "that is no hex: pairs of 0-9 and a-f, with or without spaces");
    return bytes ? { bytes } : null;
  }
  send() {
    const text = this.input.value;
    const payload = this.#typed();
    if (!payload || !this.sendPayload(payload)) return;
    if (text && this.#history.at(-1) !== text) this.#history.push(text);
    if (this.#history.length > HISTORY_MAX) this.#history.shift();
    this.#historyAt = this.#history.length;
    this.input.value = "";
    this.#grow();
  }
  #recall(step) {
    const at = this.#historyAt + step;
    if (at < 0 || at > this.#history.length) return;
    this.#historyAt = at;
    this.input.value = this.#history[at] ?? "";
    this.#grow();
  }
  #onKey(event) {
    if (event.isComposing) return;
    const atHistory = this.input.value === "" || this.input.value === this.#history[this.#historyAt];
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.send();
    } else if (event.key === "ArrowUp" && atHistory) {
      event.preventDefault();
      this.#recall(-1);
    } else if (event.key === "ArrowDown" && atHistory) {
      event.preventDefault();
      this.#recall(1);
    }
  }

  // ---- what is seen ------------------------------------------------------------------------

  #line(kind, content) {
    if (this.#queued.length === 0) {
      // A hidden tab has no frames.
      if (document.hidden) setTimeout(() => this.#flush(), 200);
      else requestAnimationFrame(() => this.#flush());
    }
    this.#queued.push({ kind, content, ms: Date.now() });
    if (this.#queued.length > LINES_MAX) this.#queued.shift();
  }
  #flush() {
    const lines = this.#queued;
    this.#queued = [];
    this.lines.append(...lines.map(line => lineNode(line, this)));
    while (this.lines.childElementCount > LINES_MAX) this.lines.firstElementChild.remove();
    this.#stick();
  }
  #stick() {
    if (this.#atEnd) this.lines.scrollTop = this.lines.scrollHeight;
  }
  #show(state, text) {
    this.box.dataset.state = state;
    this.status.textContent = text;
    this.toggle.textContent = state === "closed" && !this.#wanted ? "Connect" : "Disconnect";
    this.onChange?.();
  }
  #grow() {
    this.input.rows = Math.min(6, this.input.value.split("\n").length);
  }
  #tint() {
    this.box.style.setProperty("--hue", hueOfName(this.name));
  }
  #build(name, onRemove) {
    this.number = element("span", { class: "number", "aria-hidden": "true" });
    this.user = element("input", { class: "user", value: name, "aria-label": "User name", placeholder: "no name", maxlength: 64, autocomplete: "off", autocapitalize: "off", spellcheck: "false" });
    this.status = element("span", { class: "status", role: "status" });
    this.toggle = element("button", { type: "button", class: "toggle", onclick: () => (this.#wanted ? this.disconnect() : this.connect()) });
    this.retry = element("input", { type: "checkbox", checked: true });
    this.query = element("input", { class: "query", "aria-label": "More of the query string", placeholder: "a=1&b=2", autocomplete: "off", spellcheck: "false" });
    this.lines = element("div", { class: "lines", role: "log", "aria-label": "Messages", tabindex: "0" });
    this.lines.addEventListener("scroll", () => {
      this.#atEnd = this.lines.scrollHeight - this.lines.scrollTop - this.lines.clientHeight < 30;
    }, { passive: true });
    new ResizeObserver(() => this.#stick()).observe(this.lines);
    this.mode = element("select", { "aria-label": "Send as" }, element("option", { value: "text" }, "text"), element("option", { value: "hex" }, "hex"));
    this.input = element("textarea", { rows: 1, "aria-label": "Message", placeholder: "message", spellcheck: "false", autocomplete: "off" });
    this.input.addEventListener("keydown", event => this.#onKey(event));
    this.input.addEventListener("input", () => this.#grow());
    this.mode.addEventListener("change", () => {
      this.input.placeholder = this.mode.value === "hex" ? "68 69 …" : "message";
    });
    const reconnect = () => {
      this.#tint();
      this.onChange?.();
      if (this.#wanted) this.connect();
    };
    this.user.addEventListener("change", reconnect);
    this.query.addEventListener("change", reconnect);
    const keep = element("button", { type: "button", class: "icon keep", "aria-label": "Keep this message", title: "Keep this message to send it again", onclick: () => this.#keepTyped() }, "☆");
    const composer = element("form", { class: "composer" }, this.mode, this.input, keep, element("button", { type: "submit", class: "main" }, "Send"));
    composer.addEventListener("submit", event => {
      event.preventDefault();
      this.send();
      this.input.focus();
    });
    const settings = element(
      "details", { class: "settings" },
      element("summary", { title: "Settings", "aria-label": "Settings of this connection" }, "⋯"),
      element("div", { class: "sheet" },
        element("label", {}, this.retry, " reconnect by itself"),
        element("label", { class: "wide" }, element("span", {}, "more of the query"), this.query),
        element("button", { type: "button", onclick: () => this.lines.replaceChildren() }, "Clear messages")),
    );
    const close = element("button", { type: "button", class: "icon", "aria-label": "Remove this connection", title: "Remove", onclick: () => onRemove(this) }, "×");
    this.box = element(
      "section", { class: "pane" },
      element("header", {}, this.number, element("span", { class: "dot", "aria-hidden": "true" }), this.user, this.toggle, settings, close),
      this.status, this.lines, composer,
    );
    this.box.addEventListener("focusin", () => this.onFocus?.(this));
    this.#tint();
  }
  #keepTyped() {
    const payload = this.#typed();
    const why = !payload ? "" : payload.text === "" ? "type a message first: an empty one needs no keeping" : this.keep(payload);
    if (why) this.#line("bad", why);
  }
}

const ARROWS = { in: "←", out: "→", note: "·", bad: "!" };
const LABELS = { in: "received", out: "sent", note: "note", bad: "problem" };

function lineNode({ kind, content, ms }, pane) {
  const isBytes = content instanceof Uint8Array;
  const whole = isBytes ? hexText(content, OPEN_MAX / 3) : cut(content, OPEN_MAX).text;
  const short = isBytes ? hexText(content, 64) : cut(content, 600).text;
  const text = element("span", { class: isBytes ? "said bytes" : "said" }, short === "" ? element("i", {}, "empty") : short);
  const made = element(
    "div", { class: `line ${kind}`, title: timeText(ms) },
    element("span", { class: "arrow", role: "img", "aria-label": LABELS[kind] }, ARROWS[kind]), text,
  );
  if (isBytes) made.append(element("span", { class: "size" }, sizeText(content.length)));
  if (short.length < whole.length) {
    const more = element("button", { type: "button", class: "more" }, "show all");
    more.addEventListener("click", () => {
      text.textContent = whole;
      more.remove();
    });
    made.append(more);
  }
  if (kind === "out") {
    const payload = isBytes ? { bytes: content } : { text: content };
    made.append(element("button", { type: "button", class: "more again", "aria-label": "Send again", title: "Send again", onclick: () => pane.sendPayload(payload) }, "↻"));
  }
  return made;
}
