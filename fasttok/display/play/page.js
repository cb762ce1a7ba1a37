// The play page. Texts and pieces can contain anything: they become text nodes and attributes, never HTML.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const TEXT = document.getElementById("text");
const SPECIAL = document.getElementById("special");
const PRICE = document.getElementById("price");
const CONTEXT = document.getElementById("context");
const MESSAGE = document.getElementById("message");
const UTF8 = new TextEncoder();

const MODELS = { bpe: "BPE", wordpiece: "WordPiece", unigram: "Unigram" };
// Names of roles in chat templates, by the name that is shown.
const ROLES = {
  system: ["system", "developer", "sys", "systemprompt"],
  user: ["user", "human", "inst"],
  assistant: ["assistant", "model", "gpt", "bot"],
  tool: ["tool", "ipython", "function", "observation", "toolresults", "availabletools"],
};
const ROLE_OF = new Map(Object.entries(ROLES).flatMap(([role, names]) => names.map((name) => [name, role])));
const LONGEST_NAME = 15; // tokens of the name of a role after a special token
const LONGEST_BLOCK = 100; // tokens of a block of the page
const BLOCKS_AT_ONCE = 5;
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}\u200e-\u202e\u2066-\u2069]/u;

// Elements

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function count(n, what) {
  return `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
}

// Roles of a chat

// Return the role of each token of a chat, or null, and whether the token begins a message.
// A message begins at a special token that names a role, such as <|user|>, or that is followed by the name of
// a role, such as <|im_start|>user. It ends with a special token such as <|im_end|> or </s>.
function findRoles(tokens) {
  const roles = [];
  let role = null;
  tokens.forEach((token, position) => {
    let begins = false, ends = false;
    if (token.special) {
      const name = token.label.toLowerCase().replace(/[^a-z]/g, "");
      ends = /^[[<]\//.test(token.label) || (/^(end.*|.*end|eot.*|eom.*|eos|return|call)$/.test(name) && !name.includes("header"));
      const found = ends ? undefined : ROLE_OF.get(name) ?? ROLE_OF.get(nameAfter(tokens, position));
      begins = found !== undefined;
      if (begins) role = found;
    }
    roles.push({ role, begins });
    if (ends) role = null;
  });
  return roles;
}

function nameAfter(tokens, position) {
  let name = "";
  for (const token of tokens.slice(position + 1, position + 1 + LONGEST_NAME)) {
    if (token.special) break;
    const [first, ...rest] = token.label.split("\\n");
    name += first;
    if (rest.length > 0) break;
  }
  return name.replace(/[·▁]/g, "").toLowerCase();
}

// Panels

class Panel {
  constructor(tokenizer, number) {
    this.tokenizer = tokenizer;
    this.answer = null;
    this.items = [];
    this.blocks = [];
    this.current = -1;
    this.element = make("article");
    const name = make("h2", "", tokenizer.name);
    name.id = `name-${number}`;
    this.element.setAttribute("aria-labelledby", name.id);
    const special = tokenizer.special ? `, ${count(tokenizer.special, "special token")}` : "";
    const kind = make("p", "kind", `${MODELS[tokenizer.model] ?? tokenizer.model}, ${count(tokenizer.vocabulary, "id")}${special}`);
    this.figures = make("dl");
    this.error = make("p", "error");
    this.error.hidden = true;
    this.tokens = make("div", "tokens");
    this.tokens.tabIndex = 0;
    this.tokens.setAttribute("role", "group");
    this.tokens.setAttribute("aria-label", `Tokens of ${tokenizer.name}. The arrow keys go from token to token.`);
    this.rest = make("p", "rest");
    this.rest.hidden = true;
    this.detail = make("p", "detail");
    this.detail.setAttribute("aria-live", "polite");
    this.element.append(name, kind, this.figures, this.error, this.tokens, this.rest, this.detail);
    this.tokens.addEventListener("keydown", (event) => this.move(event));
    this.tokens.addEventListener("click", (event) => this.selectElement(event.target));
    this.tokens.addEventListener("pointerover", (event) => this.selectElement(event.target));
  }

  show(answer) {
    this.items[this.current]?.element?.classList.remove("current");
    this.answer = answer;
    this.current = -1;
    this.detail.textContent = "";
    this.error.hidden = !answer.error;
    this.error.textContent = answer.error ? answer.error.message : "";
    this.tokens.hidden = Boolean(answer.error);
    this.items = answer.error ? [] : answer.ids.map((id, position) => {
      const [label, hex, kind] = answer.pieces[id];
      const [shown, bytes] = answer.unknown[position] ?? [label, hex];
      return { id, label: shown, hex: bytes, special: kind === "special" && !(position in answer.unknown), unknown: position in answer.unknown };
    });
    findRoles(this.items).forEach((found, position) => Object.assign(this.items[position], found));
    this.draw();
    this.showFigures();
  }

  // Draw the first tokens now, and the others after the browser has shown them. Blocks that have not changed are kept.
  draw() {
    clearTimeout(this.timer);
    this.undrawn = splitIntoBlocks(this.items);
    this.n = 0;
    this.tokens.dir = TEXT.dir;
    this.tokens.classList.toggle("mixed", RIGHT_TO_LEFT.test(TEXT.value));
    const left = this.answer.error ? 0 : this.answer.n - this.items.length;
    this.rest.hidden = left === 0;
    this.rest.textContent = left ? `The first ${count(this.items.length, "token")} are shown; the figures are of all.` : "";
    this.drawMore();
    if (this.current >= 0) this.select(this.current);
  }

  drawMore(n = BLOCKS_AT_ONCE) {
    const asIds = document.querySelector("input[name=show]:checked").value === "ids";
    for (const items of this.undrawn.splice(0, n)) {
      const key = JSON.stringify(items.map((item) => [asIds ? item.id : item.label, item.special, item.unknown, item.role, item.begins]));
      const old = this.blocks[this.n];
      if (old?.key !== key) {
        this.blocks[this.n] = { key, element: drawBlock(items, asIds) };
        if (old) old.element.replaceWith(this.blocks[this.n].element);
        else this.tokens.append(this.blocks[this.n].element);
      }
      const { element } = this.blocks[this.n];
      items.forEach((item, i) => { item.element = element.children[2 * i]; });
      this.n += 1;
    }
    if (this.undrawn.length > 0) this.timer = setTimeout(() => this.drawMore(), 30);
    else this.blocks.splice(this.n).forEach((block) => block.element.remove());
  }

  showFigures() {
    const rows = [];
    if (this.answer && !this.answer.error) {
      const { n } = this.answer;
      rows.push(["tokens", n.toLocaleString("en")]);
      if (n > 0) rows.push(["bytes per token", (size.bytes / n).toFixed(2)]);
      const price = Number(PRICE.value), context = Number(CONTEXT.value);
      if (PRICE.value && price >= 0) rows.push(["cost", ((n * price) / 1e6).toFixed(6)]);
      if (CONTEXT.value && context >= 1) rows.push(["of context", `${((100 * n) / context).toFixed(2)}%`]);
    }
    this.figures.replaceChildren(...rows.map(([name, value]) => {
      const row = make("div");
      row.append(make("dt", "", name), make("dd", "", value));
      return row;
    }));
  }

  move(event) {
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    const last = this.items.length - 1;
    const goal = { Home: 0, End: last }[event.key] ?? this.current + steps[event.key];
    if (Number.isNaN(goal) || last < 0) return;
    event.preventDefault();
    this.select(Math.max(0, Math.min(last, goal)));
    this.items[this.current].element.scrollIntoView({ block: "nearest" });
  }

  selectElement(element) {
    const position = this.items.findIndex((item) => item.element === element);
    if (position >= 0) this.select(position);
  }

  select(position) {
    this.items[this.current]?.element.classList.remove("current");
    this.current = position;
    const item = this.items[position];
    if (!item.element) this.drawMore(Infinity);
    item.element.classList.add("current");
    const kinds = [item.special && "special", item.unknown && "unknown", this.tokenizer.roles[item.id], item.role]
      .filter(Boolean);
    const kind = kinds.length > 0 ? ` (${kinds.join(", ")})` : "";
    const bytes = item.hex.match(/../g) ?? [];
    this.detail.textContent =
      `Token ${position + 1} of ${this.answer.n.toLocaleString("en")}: ${item.label}${kind}, id ${item.id}, ` +
      `${count(bytes.length, "byte")} ${bytes.slice(0, 64).join(" ")}${bytes.length > 64 ? " …" : ""}`;
  }
}

// Return the tokens in blocks: the lines of the text, with at most LONGEST_BLOCK tokens. The browser lays out only the
// blocks that are in view, and a block that has not changed is kept.
function splitIntoBlocks(items) {
  const blocks = [];
  let block = [];
  items.forEach((item, position) => {
    block.push(item);
    const endsLine = /(?:0a|0d)$/.test(item.hex) && !/^(?:0a|0d)/.test(items[position + 1]?.hex ?? "");
    if (endsLine || block.length === LONGEST_BLOCK) {
      blocks.push(block);
      block = [];
    }
  });
  return block.length > 0 ? [...blocks, block] : blocks;
}

function drawBlock(items, asIds) {
  const block = make("div");
  items.forEach((item, i) => {
    const token = make("span", `c${i % 4}`, asIds ? String(item.id) : item.label);
    if (item.special) token.classList.add("special");
    if (item.unknown) token.classList.add("unknown");
    if (item.role) {
      token.classList.add(item.role);
      token.dataset.role = item.role;
      if (item.begins) token.classList.add("begins");
    }
    block.append(token, make("wbr"));
  });
  return block;
}

// Return the direction of a text, that of its first letter.
function direction(text) {
  const letter = text.slice(0, 10000).match(/\p{L}/u);
  return letter && RIGHT_TO_LEFT.test(letter[0]) ? "rtl" : "ltr";
}

// Answers

async function askServer(text, special) {
  const body = JSON.stringify({ text, special });
  const n = UTF8.encode(body).length;
  if (n > DATA.mostBytes) {
    throw new Error(`The text takes ${n.toLocaleString("en")} bytes in a request; the most are ` +
      `${DATA.mostBytes.toLocaleString("en")}. Make it shorter, or use fasttok count.`);
  }
  let response;
  try {
    response = await fetch("tokens", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  } catch {
    throw new Error("fasttok does not answer. Start fasttok play again, and reload this page.");
  }
  const answer = await response.json();
  if (answer.error) throw new Error(answer.error.message);
  return answer;
}

const ask = globalThis.encodeAll ? async (text, special) => globalThis.encodeAll(DATA, text, special) : askServer;

// The page asks for one text at a time; of the texts typed meanwhile, only the last one matters.
let isAsking = false, isChanged = false, size = { bytes: 0 };

async function update() {
  isChanged = true;
  if (isAsking) return;
  isAsking = true;
  while (isChanged) {
    isChanged = false;
    TEXT.dir = direction(TEXT.value); // dir="auto" is slow for long texts
    try {
      const answer = await ask(TEXT.value, SPECIAL.checked);
      size = answer;
      panels.forEach((panel, i) => panel.show(answer.tokenizers[i]));
      document.getElementById("size").textContent =
        `${count(answer.characters, "character")}, ${count(answer.bytes, "byte")}`;
      showLegend();
      showMessage("");
    } catch (error) {
      showMessage(error.message);
    }
  }
  isAsking = false;
  document.body.dataset.answered = String(Number(document.body.dataset.answered ?? 0) + 1);
}

function showMessage(text) {
  MESSAGE.hidden = !text;
  MESSAGE.textContent = text;
}

function showLegend() {
  const used = Object.keys(ROLES).filter((role) => panels.some((panel) => panel.items.some((item) => item.role === role)));
  const legend = document.getElementById("legend");
  legend.hidden = used.length === 0;
  legend.replaceChildren(...used.map((role) => make("span", role, role)));
}

// A screen reader hears the counts when the typing pauses.
let pause;
function announceLater() {
  clearTimeout(pause);
  pause = setTimeout(() => {
    document.getElementById("announcement").textContent = panels
      .filter((panel) => panel.answer && !panel.answer.error)
      .map((panel) => `${panel.tokenizer.name}: ${count(panel.answer.n, "token")}`).join("; ");
  }, 1000);
}

const panels = DATA.tokenizers.map((tokenizer, i) => new Panel(tokenizer, i));
document.getElementById("panels").append(...panels.map((panel) => panel.element));
TEXT.addEventListener("input", () => { update(); announceLater(); });
SPECIAL.addEventListener("change", () => { update(); announceLater(); });
for (const field of [PRICE, CONTEXT]) field.addEventListener("input", () => panels.forEach((panel) => panel.showFigures()));
for (const button of document.getElementsByName("show")) {
  button.addEventListener("change", () => panels.forEach((panel) => panel.answer && panel.draw()));
}
update();
