// Shows what a script prints. Text comes in any amount: it is kept at once and drawn a piece a frame, in blocks that
// are laid out once, and after that only when they are seen.

const perFrame = 10; // milliseconds of drawing
const perBlock = 16 * 1024; // characters

export class Output {
  #element; #pieces = []; #drawn = 0; #offset = 0; #scheduled = false;
  #block; #size = 0; #pinned = true; #top = 0; #decoders = {};

  constructor(element) {
    this.#element = element;
    element.addEventListener("scroll", () => {
      this.#heed();
      if (this.#top + element.clientHeight >= element.scrollHeight - 8) this.#pinned = true;
    });
  }

  /** text is all that was printed, of both streams, as it came. */
  get text() { return this.#pieces.map((p) => p.text).join(""); }
  get empty() { return this.#pieces.length === 0; }

  clear(placeholder) {
    this.#element.replaceChildren();
    this.#element.dataset.empty = placeholder;
    this.#pieces = []; this.#drawn = this.#offset = this.#size = this.#top = 0;
    this.#block = undefined; this.#pinned = true; this.#decoders = {};
  }

  /** add takes a frame of output: its text, or bytes, which may begin or end within a character. */
  add({ stream, text, data_base64: bytes }) {
    const decoder = (this.#decoders[stream] ??= new TextDecoder());
    if (bytes === undefined) return this.#keep(stream, decoder.decode() + text);
    this.#keep(stream, decoder.decode(Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0)), { stream: true }));
  }

  /** finish shows what is left of a character that was cut off. */
  finish(placeholder) {
    for (const [stream, decoder] of Object.entries(this.#decoders)) this.#keep(stream, decoder.decode());
    this.#element.dataset.empty = placeholder;
  }

  // heed sees whether somebody went up, to read what was before.
  #heed() {
    const { scrollTop } = this.#element;
    if (scrollTop < this.#top - 2) this.#pinned = false;
    this.#top = scrollTop;
  }

  #keep(stream, text) {
    if (!text) return;
    const last = this.#pieces.at(-1);
    if (last?.stream === stream && this.#pieces.length - 1 > this.#drawn && last.text.length < perBlock) last.text += text;
    else this.#pieces.push({ stream, text });
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#scheduled = false;
    this.#heed();
    for (const end = performance.now() + perFrame; this.#drawn < this.#pieces.length && performance.now() < end;) {
      const { stream, text } = this.#pieces[this.#drawn];
      const part = text.slice(this.#offset, this.#offset + perBlock);
      this.#append(stream, part);
      this.#offset += part.length;
      if (this.#offset >= text.length) { this.#drawn++; this.#offset = 0; }
    }
    if (this.#pinned) {
      this.#element.scrollTop = this.#element.scrollHeight;
      this.#top = this.#element.scrollTop;
    }
    if (this.#drawn < this.#pieces.length) {
      this.#scheduled = true;
      requestAnimationFrame(() => this.#draw());
    }
  }

  // A block ends at the end of a line, if one comes in time: the next begins on a line of its own.
  #append(stream, text) {
    while (text) {
      if (!this.#block) { this.#block = this.#element.appendChild(document.createElement("div")); this.#size = 0; }
      let end = text.length;
      if (this.#size + end >= perBlock) {
        const line = text.indexOf("\n", Math.max(0, perBlock - this.#size)) + 1;
        if (line > 0) end = line;
      }
      const now = text.slice(0, end);
      this.#node(stream, now);
      this.#size += now.length;
      if (this.#size >= perBlock && (now.endsWith("\n") || this.#size >= 2 * perBlock)) this.#close();
      text = text.slice(end);
    }
  }

  #close() {
    this.#block.style.containIntrinsicBlockSize = `auto ${this.#block.offsetHeight}px`; // or the end would move when it is seen
    this.#block.className = "done";
    this.#block = undefined;
  }

  #node(stream, text) {
    if (stream === "stdout") return this.#block.append(text);
    let span = this.#block.lastChild;
    if (span?.className !== "err") {
      span = this.#block.appendChild(document.createElement("span"));
      span.className = "err";
    }
    span.append(text);
  }
}
