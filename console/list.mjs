// SPDX-License-Identifier: Apache-2.0
// list.mjs -- a long list that grows at its end, of which only what is near the window is in the page.
// Entries lie in chunks of 50; a chunk far from the window is an empty box of its last height.
import { element } from "./dom.mjs";

const CHUNK = 50;
const GUESS = 46; // pixels of an entry that was never shown

export class List {
  #box;
  #render;
  #max;
  #chunks = [];
  #count = 0;
  #follows = true;
  #watch;
  /** onFollow(follows): whether the newest entry is kept in view. */
  constructor(box, { render, max, onFollow }) {
    this.#box = box;
    this.#render = render;
    this.#max = max;
    this.onFollow = onFollow;
    this.#watch = new IntersectionObserver(seen => this.#onSeen(seen), { root: box, rootMargin: "800px 0px" });
    box.addEventListener("scroll", () => this.#onScroll(), { passive: true });
    // A chunk that comes into view, or a window that changes, must not push the end away.
    new ResizeObserver(() => this.#stick()).observe(box);
  }
  get count() {
    return this.#count;
  }
  get follows() {
    return this.#follows;
  }
  clear() {
    this.#watch.disconnect();
    this.#box.replaceChildren();
    this.#chunks = [];
    this.#count = 0;
    this.#setFollows(true);
  }
  append(entries) {
    for (let at = 0; at < entries.length;) {
      let chunk = this.#chunks.at(-1);
      if (!chunk || chunk.entries.length === CHUNK) chunk = this.#open(entries.length - at <= 2 * CHUNK);
      const taken = entries.slice(at, at + CHUNK - chunk.entries.length);
      chunk.entries.push(...taken);
      this.#count += taken.length;
      at += taken.length;
      if (chunk.shown) chunk.box.append(...taken.map(this.#render));
      else this.#resize(chunk);
    }
    while (this.#count - this.#chunks[0]?.entries.length >= this.#max) this.#drop();
    this.#stick();
  }
  /** Somebody looks at what is in view: nothing moves it until the end is asked for. */
  hold() {
    this.#setFollows(false);
  }
  toEnd() {
    this.#setFollows(true);
    this.#stick();
  }
  /** `near`: of the last ones of a batch; what a batch pushes out of view at once is never shown. */
  #open(near) {
    const chunk = { box: element("div", { class: "chunk" }), entries: [], shown: false, height: 0 };
    chunk.box.chunk = chunk;
    this.#chunks.push(chunk);
    this.#box.append(chunk.box);
    this.#watch.observe(chunk.box);
    // The last one is usually in view: no need to wait for the observer.
    if (near && this.#follows) this.#show(chunk);
    return chunk;
  }
  #drop() {
    const chunk = this.#chunks.shift();
    this.#count -= chunk.entries.length;
    this.#watch.unobserve(chunk.box);
    chunk.box.remove();
  }
  #show(chunk) {
    if (chunk.shown) return;
    chunk.shown = true;
    chunk.box.style.height = "";
    chunk.box.replaceChildren(...chunk.entries.map(this.#render));
  }
  #hide(chunk) {
    // The last one still grows.
    if (!chunk.shown || chunk === this.#chunks.at(-1)) return;
    chunk.height = chunk.box.offsetHeight;
    chunk.shown = false;
    chunk.box.replaceChildren();
    this.#resize(chunk);
  }
  #resize(chunk) {
    chunk.box.style.height = `${chunk.height || chunk.entries.length * GUESS}px`;
  }
  #onSeen(seen) {
    for (const { target, isIntersecting } of seen) {
      if (isIntersecting) this.#show(target.chunk);
      else this.#hide(target.chunk);
    }
    this.#stick();
  }
  #stick() {
    if (this.#follows) this.#box.scrollTop = this.#box.scrollHeight;
  }
  #onScroll() {
    const left = this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight;
    // Only somebody's scrolling up ends it: our own growth is followed by #stick().
    if (left < 40) this.#setFollows(true);
    else if (this.#box.scrollTop < this.#last) this.#setFollows(false);
    this.#last = this.#box.scrollTop;
  }
  #last = 0;
  #setFollows(follows) {
    if (this.#follows === follows) return;
    this.#follows = follows;
    this.onFollow(follows);
  }
}
